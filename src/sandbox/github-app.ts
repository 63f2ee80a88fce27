import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import type { Clock, Instant } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import type { InstallationId, RepoId } from '../model/ids.ts';
import {
  type GitHubKnobs,
  type GitHubState,
  type Installation,
  isAmong,
  type Permission,
  type Permissions,
} from './github-state.ts';

/** The one App of this GitHub, and where its webhooks go. */
export interface App {
  readonly id: number;
  readonly slug: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly webhookSecret: string;
  /** The private key, as GitHub hands it out. */
  readonly pem: string;
  hookUrl: string | undefined;
  /** Permissions and events that its owner did not give it. */
  lacks: readonly string[];
}

/** Takes a while: a world that is often made anew keeps its key. */
export const generateKey = (): string =>
  generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  }).privateKey;

export function createApp(
  { appId, slug }: Pick<GitHubKnobs, 'appId' | 'slug'>,
  random: Random,
  pem: string,
): App {
  return {
    id: appId,
    slug,
    clientId: `Iv23li${random.hex(7)}`,
    clientSecret: random.hex(20),
    webhookSecret: random.hex(20),
    pem,
    hookUrl: undefined,
    lacks: [],
  };
}

const UNDECODED = 'A JSON web token could not be decoded';
const MOST_AHEAD_S = 600;
/** GitHub's own clock may differ from the caller's by this much. */
const SKEW_S = 60;

function part(text: string | undefined): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(Buffer.from(text ?? '', 'base64url').toString());
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

/** Why the App's own token is refused; undefined when it is good. */
export function appTokenProblem(app: App, token: string, now: Instant): string | undefined {
  const [head, claims, signature] = token.split('.');
  const isSigned =
    part(head)['alg'] === 'RS256' &&
    verify(
      'sha256',
      Buffer.from(`${head}.${claims}`),
      createPublicKey(app.pem),
      Buffer.from(signature ?? '', 'base64url'),
    );
  const { iat, exp, iss } = part(claims);
  if (!isSigned || typeof exp !== 'number' || typeof iat !== 'number') return UNDECODED;
  if (String(iss) !== String(app.id) && iss !== app.clientId) return UNDECODED;
  const nowS = now / 1000;
  if (exp < nowS) return "'Expiration time' claim ('exp') must be a numeric value in the future";
  if (exp > nowS + MOST_AHEAD_S + SKEW_S) {
    return "'Expiration time' claim ('exp') is too far in the future";
  }
  return iat > nowS + SKEW_S ? "'Issued at' claim ('iat') must be in the past" : undefined;
}

export interface Token {
  readonly text: string;
  readonly installation: Installation;
  /** null: all that the installation has. */
  readonly repos: ReadonlySet<RepoId> | null;
  readonly permissions: Permissions;
  readonly expiresAt: Instant;
}

export interface Tokens {
  /** By REST's body; a text is why not. */
  mint(installation: InstallationId, body: Readonly<Record<string, unknown>>): Token | Refusal;
  find(text: string): Token | undefined;
  /** All that were given out, so that a test sees how narrow they are. */
  readonly minted: readonly Token[];
}

export interface Refusal {
  readonly status: 403 | 404 | 422;
  readonly message: string;
}

const TOKEN_MS = 3_600_000;
const MINTED_LIMIT = 10_000;
/** GitHub's tokens carry a JSON Web Token since 2026: nobody may count on 40 characters. */
const TOKEN_HEX = 240;

const invalid = (message: string): Refusal => ({ status: 422, message });

const covers = (has: Permission | undefined, wants: unknown): boolean =>
  has !== undefined && (wants === 'read' || wants === has);

export function createTokens(state: GitHubState, clock: Clock): Tokens {
  const minted: Token[] = [];

  const permissionsOf = (installation: Installation, wanted: unknown): Permissions | Refusal => {
    if (wanted === undefined) return installation.permissions;
    if (typeof wanted !== 'object' || wanted === null) return invalid('Invalid permissions');
    const granted: Record<string, Permission> = {};
    for (const [name, access] of Object.entries(wanted)) {
      if (!covers(installation.permissions[name], access)) {
        return invalid('The permissions requested are not granted to this installation.');
      }
      granted[name] = access === 'write' ? 'write' : 'read';
    }
    return { metadata: 'read', ...granted };
  };

  const reposOf = (installation: Installation, ids: unknown): Token['repos'] | Refusal => {
    if (ids === undefined) return null;
    if (!Array.isArray(ids)) return invalid('Invalid repository_ids');
    const repos = ids.map((id: unknown) => state.repos.get(Number(id)));
    if (!repos.every((repo) => repo !== undefined && isAmong(installation, repo))) {
      return invalid('There is at least one repository that does not exist or is not accessible');
    }
    return new Set(ids.map(Number));
  };

  return {
    mint(id, body) {
      const installation = state.installations.get(id);
      if (installation === undefined) return { status: 404, message: 'Not Found' };
      if (installation.suspendedAt !== null) {
        return { status: 403, message: 'This installation has been suspended' };
      }
      const permissions = permissionsOf(installation, body['permissions']);
      if (isRefusal(permissions)) return permissions;
      const repos = reposOf(installation, body['repository_ids']);
      if (isRefusal(repos)) return repos;
      const text = `ghs_${state.knobs.appId}_${state.hex(TOKEN_HEX)}`;
      const expiresAt = clock.now() + TOKEN_MS;
      const token: Token = { text, installation, repos, permissions, expiresAt };
      minted.push(token);
      if (minted.length > MINTED_LIMIT) minted.shift();
      return token;
    },
    find: (text) =>
      minted.findLast(
        (token) =>
          token.text === text &&
          token.expiresAt > clock.now() &&
          state.installations.has(token.installation.id),
      ),
    minted,
  };
}

export const isRefusal = (value: object | null): value is Refusal =>
  value !== null && 'status' in value && 'message' in value;

/** The first of the needed permissions that the token lacks. */
export const lacks = (token: Token, needs: Permissions): boolean =>
  Object.entries(needs).some(([name, access]) => !covers(token.permissions[name], access));
