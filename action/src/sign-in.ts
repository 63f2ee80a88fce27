import { unreachable } from '../../src/lib/unreachable.ts';
import { fieldsOf, textOf } from '../../src/model/github-json.ts';
import type { Io, Trouble } from './io.ts';

/** Who this job is, signed by GitHub. Good for one call of the app. */
export interface SignedIn {
  readonly token: string;
  /** Of the token; not proven here, since it is our own. */
  readonly claims: Readonly<Record<string, unknown>>;
}

const TIMEOUT_MS = 10_000;
/** GitHub now and then answers the first time with an error. */
const TRIES = 3;
const AGAIN_MS = 1_000;

const NO_PERMISSION =
  'This job may not say who it is, so the app cannot know it. Add to the job, beside the permissions ' +
  'that it has:\n  permissions:\n    id-token: write';

export const mayAsk = ({ env }: Pick<Io, 'env'>): boolean =>
  Boolean(env['ACTIONS_ID_TOKEN_REQUEST_URL'] && env['ACTIONS_ID_TOKEN_REQUEST_TOKEN']);

/** Why there is no token, and the lines that are missing. */
export const noPermission: Trouble = { what: NO_PERMISSION, isOutage: false };

/** Asks GitHub for a token that only the app at that address takes. */
export async function signIn(io: Io, audience: string): Promise<SignedIn | Trouble> {
  const { env, clock, runner } = io;
  const address = env['ACTIONS_ID_TOKEN_REQUEST_URL'] ?? '';
  if (!mayAsk(io) || !URL.canParse(address)) return noPermission;
  const url = new URL(address);
  url.searchParams.set('audience', audience);
  for (let left = TRIES; ; left -= 1) {
    const got = await tokenFrom(io, url);
    if (typeof got === 'string') {
      runner.mask(got);
      return { token: got, claims: claimsOf(got) };
    }
    if (!got.isOutage || left === 1) return got;
    await clock.sleep(AGAIN_MS);
  }
}

async function tokenFrom(io: Io, url: URL): Promise<string | Trouble> {
  const bearer = io.env['ACTIONS_ID_TOKEN_REQUEST_TOKEN'] ?? '';
  const where = `GitHub's issuer of tokens, ${url.origin},`;
  let answer: Response;
  try {
    answer = await io.request(url, {
      headers: { authorization: `bearer ${bearer}`, accept: 'application/json' },
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (error) {
    return { what: unreachable(error, { url: url.origin, env: io.env }).what, isOutage: true };
  }
  if (!answer.ok) {
    const isOutage = answer.status >= 500 || answer.status === 429;
    return { what: `${where} answers ${answer.status} instead of a token`, isOutage };
  }
  const { value } = fieldsOf(await answer.json().catch(() => undefined));
  return textOf(value) ?? { what: `${where} answers without a token`, isOutage: true };
}

function claimsOf(token: string): SignedIn['claims'] {
  try {
    return fieldsOf(JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()));
  } catch {
    return {};
  }
}
