import { createCache } from '../lib/cache.ts';
import type { Clock, Instant } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { ScopeId } from '../model/ids.ts';
import type { Refused, Reply } from '../model/reply.ts';
import { type Account, parseAccount } from './account.ts';
import { isBadKeys } from './errors.ts';
import type { Identities } from './identity.ts';
import type { AwsKeys, Vault } from './port.ts';
import { createReader } from './reader.ts';
import { createSessions } from './sessions.ts';

// What is kept for each scope, and whether AWS takes it. A value is believed when STS says that it
// signs for the AWS account that it names; after a refusal it is read and tried again once a minute,
// so that whoever mends it at AWS or in the vault need not tell us.

export interface KeyringDeps {
  readonly vault: Vault;
  readonly identities: Identities;
  readonly clock: Clock;
  readonly log: Log;
  /** Whether something of ours lives, or may live, in that account. */
  readonly lives: (account: string) => Promise<boolean>;
}

export type Opened =
  | { readonly kind: 'none' }
  | { readonly kind: 'account'; readonly account: Account }
  /** It is there and does not serve; `account` where it could be read. */
  | { readonly kind: 'refused'; readonly why: string; readonly account: Account | null };

export interface Keyring {
  open(scope: ScopeId): Promise<Opened>;
  /** What signs for the scope's account now. */
  keysOf(scope: ScopeId): Promise<Reply<AwsKeys>>;
  /** AWS refused these credentials. */
  suspect(scope: ScopeId): void;
  /** What is kept was changed here. */
  forget(scope: ScopeId): void;
}

interface Held {
  readonly text: string;
  readonly account: Account;
  /** null: not tried yet. */
  verdict: { readonly why: string | null } | null;
  /** AWS refused something since. */
  isSuspect: boolean;
  checkedAt: Instant | null;
  checking: Promise<void> | null;
}

/** A refused value is tried, and read, at most so often. */
export const AGAIN_MS = 60_000;
const MOST = 10_000;
const FOR_EVER = Number.POSITIVE_INFINITY;

export function createKeyring(deps: KeyringDeps): Keyring {
  const { clock, log } = deps;
  const reader = createReader(deps);
  const sessions = createSessions(deps);
  const helds = createCache<Held>(clock, MOST);

  /** The newest value that is known, or what is known instead. */
  async function hold(scope: ScopeId): Promise<Held | Opened> {
    const before = helds.get(scope, FOR_EVER);
    const isGood = before?.verdict?.why === null && !before.isSuspect;
    const answer = await reader.read(scope, before && !isGood ? AGAIN_MS : undefined);
    if (!answer.ok) return holdWithout(scope, answer, before);
    // Others may have made it during the read.
    const now = helds.get(scope, FOR_EVER);
    if (now?.text === answer.value) return now;
    const parsed = parseAccount(scope, answer.value);
    if (!parsed.ok) return { kind: 'refused', why: notServed(scope, parsed.why), account: null };
    const account = parsed.value;
    const held = { text: answer.value, account, ...UNTRIED };
    helds.set(scope, held);
    return held;
  }

  async function holdWithout(
    scope: ScopeId,
    answer: Refused,
    before: Held | undefined,
  ): Promise<Held | Opened> {
    if (answer.reason === 'missing') {
      // Removed by someone while machines run: without it nobody could end them.
      if (before && (await deps.lives(scope))) return before;
      helds.delete(scope);
      return NONE;
    }
    if (answer.reason === 'denied' && !isBadKeys(answer.code) && !before) {
      // A deployment without a right to secrets has none: what its own credentials serve, they serve.
      // Anything else may hide one, and nobody else pays for whom it is meant.
      log.debug({ scope, code: answer.code }, 'the vault may not be read');
      return NONE;
    }
    const why = `its credentials cannot be read now (${answer.code}: ${answer.message})`;
    return { kind: 'refused', why: notServed(scope, why), account: before?.account ?? null };
  }

  async function judge(held: Held): Promise<void> {
    const { checkedAt, verdict, isSuspect } = held;
    if (verdict?.why === null && !isSuspect) return;
    if (verdict && checkedAt !== null && clock.now() - checkedAt < AGAIN_MS) return;
    held.checking ??= check(held).finally(() => {
      held.checking = null;
    });
    await held.checking;
  }

  async function check(held: Held): Promise<void> {
    const { account } = held;
    const caller = await callerOf(account);
    held.checkedAt = clock.now();
    // What was good goes on while AWS cannot be asked.
    if (!caller.ok && isOutage(caller) && held.verdict?.why === null) return;
    held.isSuspect = false;
    const why = caller.ok ? mismatch(account, caller.value.account) : whyRefused(account, caller);
    if (why !== held.verdict?.why) log.info({ scope: account.scope, why }, 'account looked at');
    held.verdict = { why };
  }

  async function callerOf(account: Account) {
    const keys = await sessions.keysOf(account.scope, account.access);
    return keys.ok ? deps.identities.callerOf(keys.value) : keys;
  }

  async function open(scope: ScopeId): Promise<Opened> {
    const held = await hold(scope);
    if ('kind' in held) return held;
    await judge(held);
    const { account, verdict } = held;
    const why = verdict?.why ?? null;
    if (why === null) return { kind: 'account', account };
    return { kind: 'refused', why: notServed(scope, why), account };
  }

  return {
    open,
    async keysOf(scope) {
      const opened = await open(scope);
      if (opened.kind === 'account') return sessions.keysOf(scope, opened.account.access);
      const why = opened.kind === 'none' ? notServed(scope, 'none are kept') : opened.why;
      return { ok: false, reason: 'denied', code: 'CredentialsRefused', message: why };
    },
    suspect(scope) {
      const held = helds.get(scope, FOR_EVER);
      if (!held || held.verdict?.why !== null) return;
      // A look at AWS says whether it is the credentials, or what was asked for.
      if (held.checkedAt !== null && clock.now() - held.checkedAt < AGAIN_MS) return;
      held.isSuspect = true;
      sessions.forget(scope);
    },
    forget(scope) {
      reader.forget(scope);
      sessions.forget(scope);
      helds.delete(scope);
    },
  };
}

const UNTRIED = { verdict: null, isSuspect: false, checkedAt: null, checking: null };

const isOutage = ({ reason }: Refused): boolean =>
  reason === 'unreachable' || reason === 'throttled';

const NONE: Opened = { kind: 'none' };

const notServed = (scope: ScopeId, why: string): string =>
  `the AWS account of ${scope} cannot be used: ${why}`;

function mismatch(account: Account, caller: string): string | null {
  if (caller === account.awsAccount) return null;
  return 'its credentials are of another AWS account than the one that was configured: run dstack aws configure';
}

/** What to do, in one sentence; it stands in public repositories, so no id of AWS is in it. */
function whyRefused({ access }: Account, refused: Refused): string {
  const { code } = refused;
  if (isOutage(refused)) {
    return `AWS does not say now whether its credentials are good (${code}); it is asked again every minute`;
  }
  return access.kind === 'role'
    ? `AWS does not let the app assume its role (${code}): mend the role's trust policy, or run dstack aws configure`
    : `AWS does not accept its credentials (${code}): make them active again, or run dstack aws configure`;
}

/** For callers that sign with what `keysOf` gives. */
export const keysOrThrow = async (ring: Keyring, scope: ScopeId): Promise<AwsKeys> => {
  const keys = await ring.keysOf(scope);
  if (keys.ok) return keys.value;
  // The adapter's table of error codes knows it by this name.
  throw Object.assign(new Error(keys.message), { name: 'CredentialsRefused' });
};
