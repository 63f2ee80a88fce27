import type { Identities } from '../../src/accounts/identity.ts';
import { createKeyring, type Keyring } from '../../src/accounts/keyring.ts';
import type { AwsKeys, Vault } from '../../src/accounts/port.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { done, type Refusal, type Reply } from '../../src/model/reply.ts';

// A vault, an STS and a clock in memory, moved by hand: what AWS would say is what a test sets.

export const MINUTE = 60_000;
export const AWS_ACCOUNT = '123456789012';
export const KEYS = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'x'.repeat(40) };
export const ROLE = 'arn:aws:iam::123456789012:role/dstack';

export const no = (reason: Refusal, code: string) =>
  ({ ok: false, reason, code, message: `${code}, says AWS` }) as const;

export const keptFor = (scope: string, more: object = {}): string =>
  JSON.stringify({ scope, account: AWS_ACCOUNT, ...KEYS, region: 'eu-west-1', ...more });

export interface HandWorld {
  readonly clock: Clock & { advance(ms: number): void };
  /** What is kept, by scope; a Reply stands for a vault that refuses. */
  readonly kept: Map<string, string | Reply<string>>;
  readonly vault: Vault;
  /** How often each scope was read, and what else was asked of AWS. */
  readonly calls: string[];
  readonly identities: Identities;
  /** What STS says of a key id. */
  readonly callers: Map<string, Reply<{ account: string; arn: string }>>;
  /** Accounts in which something lives. */
  readonly living: Set<string>;
  readonly ring: Keyring;
  /** Holds back what the vault answers until it is called. */
  hold(): () => void;
  assume: Identities['assume'];
}

const CALLER = done({ account: AWS_ACCOUNT, arn: `arn:aws:iam::${AWS_ACCOUNT}:user/ci` });

export function handWorld(): HandWorld {
  let now = Date.parse('2026-01-05T09:00:00Z');
  let gate = Promise.resolve();
  const calls: string[] = [];
  const kept: HandWorld['kept'] = new Map();
  const callers: HandWorld['callers'] = new Map();
  const living = new Set<string>();
  const clock = {
    now: () => now,
    sleep: () => Promise.resolve(),
    advance: (ms: number) => {
      now += ms;
    },
  };
  const vault: Vault = {
    async read(scope) {
      calls.push(`read ${scope}`);
      const value = kept.get(scope);
      await gate;
      if (value === undefined) return no('missing', 'ResourceNotFoundException');
      return typeof value === 'string' ? done(value) : value;
    },
    async write(scope, text) {
      kept.set(scope, text);
      return done(null);
    },
    async remove(scope) {
      kept.delete(scope);
      return done(null);
    },
  };
  const world = {
    assume: async ({ externalId }) => {
      calls.push(`assume with ${externalId}`);
      const keys: AwsKeys = { ...KEYS, accessKeyId: 'ASIA0000000000000001', sessionToken: 's' };
      return done({ keys, endsAt: now + 60 * MINUTE });
    },
  } as Pick<HandWorld, 'assume'> & Partial<HandWorld>;
  const identities: Identities = {
    async callerOf(keys) {
      calls.push(`caller ${keys?.accessKeyId ?? 'own'}`);
      return callers.get(keys?.accessKeyId ?? 'own') ?? CALLER;
    },
    assume: (ask) => world.assume(ask),
  };
  const lives = async (account: string) => living.has(account);
  const ring = createKeyring({ vault, identities, clock, log: silentLog, lives });
  const hold = () => {
    let open = () => {};
    gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    return () => open();
  };
  return Object.assign(world, {
    clock,
    kept,
    vault,
    calls,
    identities,
    callers,
    living,
    ring,
    hold,
  });
}
