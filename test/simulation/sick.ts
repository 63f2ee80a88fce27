import type { Launch } from '../../src/model/launch.ts';
import { knockedKey } from '../../src/model/register-time.ts';
import type { Kernel } from '../../src/sandbox/kernel.ts';
import type { MachineOfRule } from '../../src/store/capacity.ts';
import type { Intent, Store } from '../../src/store/port.ts';

// A rule whose machines never come up costs money for nothing: after three in a row nothing more is
// launched by it for half an hour, unless somebody changes something.

const IN_A_ROW = 3;
/** A little less than half an hour: its end is not judged. */
const PAUSED_MS = 25 * 60_000;

/** Held against the store's own rows before an intent, and judged when it was written. */
export function createSickness(
  kernel: Kernel,
  store: Pick<Store, 'fact' | 'machinesOfRule'>,
  time: {
    readonly registerTimeoutMs: number;
    /** When processes started: a machine that was launched before may have found nobody. */
    readonly starts: readonly number[];
  },
): (intents: readonly Intent[]) => Promise<(launched: readonly Launch[]) => void> {
  const neverCame = (one: MachineOfRule): boolean => {
    const { createdAt, launchedAt, registeredAt, endAskedAt, goneAt } = one;
    if (launchedAt === null || endAskedAt === null || goneAt === null) return false;
    const start = time.starts.findLast((at) => at <= endAskedAt) ?? 0;
    const from = Math.max(launchedAt, createdAt, start);
    const hadTime = endAskedAt - from >= time.registerTimeoutMs;
    return registeredAt === null && one.onlineAt === null && one.startedAt === null && hadTime;
  };
  return async (intents) => {
    const sick = new Set<string>();
    for (const { scope, rule } of new Map(intents.map((one) => [one.rule, one])).values()) {
      const anewAt = (await store.fact(`anew:${scope}`))?.at ?? 0;
      const ask = { scope, rule, since: anewAt + 1, limit: IN_A_ROW };
      const last = await store.machinesOfRule(ask);
      const knocks = await Promise.all(last.map(({ id }) => store.fact(knockedKey(id ?? ''))));
      const isDumb = knocks.every((knock) => knock === null);
      const isSick = last.length === IN_A_ROW && last.every(neverCame) && isDumb;
      const isLate = kernel.now() - (last[0]?.goneAt ?? 0) > PAUSED_MS;
      if (isSick && !isLate) sick.add(`${rule} in ${scope}`);
    }
    return (launched) => {
      const on = launched.map(({ rule, scope }) => `${rule} in ${scope}`).find((r) => sick.has(r));
      const text = `${on} launches on after ${IN_A_ROW} that never came up`;
      kernel.invariant(on === undefined, 'sick-rule', text);
    };
  };
}
