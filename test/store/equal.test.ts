import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createMemoryStore } from '../../src/store/memory.ts';
import type { Lease, Store } from '../../src/store/port.ts';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { type Call, someCall } from './calls.ts';

// The stores are one thing to their callers: any sequence of calls gives the same answers and rows.

async function openSqlite(): Promise<Store> {
  const opened = await openSqliteStore(':memory:');
  if (!opened.ok) throw new Error(opened.message);
  return opened.store;
}

/** Everything that a caller can see after the call, with its answer. */
async function after(store: Store, leases: Map<string, Lease>, call: Call): Promise<unknown> {
  const answer = await call.run(store, leases);
  const rows = await Promise.all((['repo-1', 'repo-2', 'owner-7'] as const).map(store.scopeRows));
  const seen = [
    await store.recentJobs(50),
    await store.recentInstances(50),
    await store.scopesWithWork(),
    await store.unapplied(50),
  ];
  return { answer, rows, seen };
}

test('memory and SQLite give the same answers to any calls', async () => {
  const changed = { jobs: 0, instances: 0 };
  const sequences = fc.asyncProperty(
    fc.array(someCall, { minLength: 15, maxLength: 60, size: 'max' }),
    async (calls) => {
      const stores = [createMemoryStore(), await openSqlite()] as const;
      const leases = [new Map<string, Lease>(), new Map<string, Lease>()] as const;
      for (const call of calls) {
        const left = await after(stores[0], leases[0], call);
        expect(await after(stores[1], leases[1], call)).toEqual(left);
      }
      changed.jobs += (await stores[0].recentJobs(50)).length;
      changed.instances += (await stores[0].recentInstances(50)).length;
      for (const store of stores) await store.close();
    },
  );
  await fc.assert(sequences, { numRuns: 60 });
  // Calls that only ever missed would prove nothing.
  expect(changed.jobs).toBeGreaterThan(30);
  expect(changed.instances).toBeGreaterThan(30);
});
