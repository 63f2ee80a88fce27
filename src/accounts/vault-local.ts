import type { Clock } from '../lib/clock.ts';
import type { Keys } from '../lib/keys.ts';
import type { Random } from '../lib/random.ts';
import type { ScopeId } from '../model/ids.ts';
import { done, type Refused } from '../model/reply.ts';
import type { Store } from '../store/port.ts';
import type { Vault } from './port.ts';

export interface LocalVaultDeps {
  readonly store: Pick<Store, 'fact' | 'saveFact'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly keys: Keys;
  /** Of the secret key before this one: what it sealed is sealed anew when it is read. */
  readonly oldKeys: Keys | null;
}

/** 96 bits, as GCM wants them; at random, since a scope's value changes a few times at most. */
const IV_BYTES = 12;

/** The app's own database, sealed: AES-256-GCM under the secret key. A lost database loses it. */
export function createLocalVault({ store, clock, random, keys, oldKeys }: LocalVaultDeps): Vault {
  const factOf = (scope: ScopeId) => `account:${scope}`;
  // The scope is part of the purpose: a row copied to another scope does not open.
  const purposeOf = (scope: ScopeId) => `account of ${scope}`;
  const save = (scope: ScopeId, value: string) => store.saveFact(factOf(scope), value, clock.now());
  const seal = (scope: ScopeId, text: string) =>
    keys.seal(purposeOf(scope), text, random.hex(IV_BYTES));

  return {
    async read(scope) {
      const sealed = (await store.fact(factOf(scope)))?.value ?? '';
      if (sealed === '') return refused('missing', 'none', 'nothing is kept');
      const text = keys.open(purposeOf(scope), sealed);
      if (text !== undefined) return done(text);
      const old = oldKeys?.open(purposeOf(scope), sealed);
      if (old === undefined) {
        const why = 'it was sealed under another DSTACK_SECRET_KEY: configure the account again';
        return refused('conflict', 'sealed', why);
      }
      await save(scope, seal(scope, old));
      return done(old);
    },
    async write(scope, text) {
      await save(scope, seal(scope, text));
      return done(null);
    },
    async remove(scope) {
      await save(scope, '');
      return done(null);
    },
  };
}

const refused = (reason: Refused['reason'], code: string, message: string): Refused => ({
  ok: false,
  reason,
  code,
  message,
});
