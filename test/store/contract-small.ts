import { describe, expect, test } from '@jest/globals';
import type { Store } from '../../src/store/port.ts';
import {
  aDelivery,
  aLease,
  anExhausted,
  anIntent,
  jobEvent,
  launched,
  SCOPE,
  T,
  tell,
} from './rows.ts';

type Open = () => Promise<Store>;

export function smallContract(open: Open): void {
  test('keeps one registration for each instance, replaced and dropped', async () => {
    const store = await open();
    const saved = { instance: 'i-1', request: 'r1', answer: 'sealed' };
    expect(await store.registration('i-1')).toBeNull();
    await store.saveRegistration(saved);
    expect(await store.registration('i-1')).toEqual(saved);
    await store.saveRegistration({ ...saved, request: 'r2' });
    expect(await store.registration('i-1')).toEqual({ ...saved, request: 'r2' });
    await store.dropRegistration('i-1');
    expect(await store.registration('i-1')).toBeNull();
  });

  test('knows the events of a machine once, in a call and across calls', async () => {
    const store = await open();
    expect(await store.noteEvents('i-1', ['a', 'b', 'a'], T)).toEqual([true, true, false]);
    expect(await store.noteEvents('i-1', ['b', 'c'], T)).toEqual([false, true]);
    expect(await store.noteEvents('i-2', ['a'], T)).toEqual([true]);
  });

  test('knows what EC2 is out of, by account and place', async () => {
    const store = await open();
    const [a, b] = [anExhausted({ zone: 'eu-west-1b' }), anExhausted()];
    const demand = anExhausted({ market: '*', type: '*' });
    for (const mark of [a, b, demand, anExhausted({ account: 'other' })]) await store.exhaust(mark);
    expect(await store.exhausted('default')).toEqual([demand, b, a]);
    const longer = { ...b, until: T + 360_000, forMs: 360_000, since: T + 1 };
    await store.exhaust(longer);
    await store.clearExhausted('default', a);
    expect(await store.exhausted('default')).toEqual([demand, longer]);
  });

  test('keeps facts with the time of their last change', async () => {
    const store = await open();
    expect(await store.fact('a')).toBeNull();
    await store.saveFact('a', '{"x":1}', T);
    await store.saveFact('a', '{"x":2}', T + 1);
    expect(await store.fact('a')).toEqual({ value: '{"x":2}', at: T + 1 });
  });

  test('swaps a fact only for the value that it was seen with', async () => {
    const store = await open();
    expect(await store.swapFact('a', { from: '1', to: '2' }, T)).toBe(false);
    expect(await store.swapFact('a', { from: null, to: '1' }, T)).toBe(true);
    expect(await store.swapFact('a', { from: null, to: '3' }, T + 1)).toBe(false);
    expect(await store.swapFact('a', { from: '2', to: '3' }, T + 1)).toBe(false);
    expect(await store.fact('a')).toEqual({ value: '1', at: T });
    expect(await store.swapFact('a', { from: '1', to: '3' }, T + 2)).toBe(true);
    expect(await store.fact('a')).toEqual({ value: '3', at: T + 2 });
  });

  test('lets one of several swaps at once through', async () => {
    const store = await open();
    const swaps = (from: string | null) =>
      Promise.all(['x', 'y', 'z'].map((to) => store.swapFact('a', { from, to }, T)));
    expect((await swaps(null)).filter(Boolean)).toHaveLength(1);
    await store.saveFact('a', '1', T);
    expect((await swaps('1')).filter(Boolean)).toHaveLength(1);
  });

  test('reads several facts at once, and leaves out what is not there', async () => {
    const store = await open();
    await store.saveFact('a', '1', T);
    await store.saveFact('b', '2', T + 1);
    const found = await store.facts(['b', 'none', 'a']);
    expect(Object.fromEntries(found)).toEqual({
      a: { value: '1', at: T },
      b: { value: '2', at: T + 1 },
    });
    expect((await store.facts([])).size).toBe(0);
  });

  test('shows the newest first', async () => {
    const store = await open();
    await tell(
      store,
      jobEvent({ id: 1 }),
      jobEvent({ id: 3 }),
      jobEvent({ id: 2, queuedAt: T + 1 }),
    );
    expect((await store.recentJobs(2)).map((job) => job.id)).toEqual([2, 3]);
    const lease = await aLease(store);
    await store.intend(lease, [anIntent({ id: 'b' })], T);
    await store.intend(lease, [anIntent({ id: 'a', want: 2 })], T + 1);
    expect((await store.recentInstances(2)).map((row) => row.key)).toEqual(['a.1', 'a.0']);
  });
}

export function pruneContract(open: Open): void {
  describe('pruning', () => {
    const [OLD, CUT] = [T, T + 100];

    test('drops what is over and old', async () => {
      const store = await open();
      const delivery = aDelivery('old');
      await store.receive([delivery]);
      await store.apply([delivery], OLD);
      const over = { state: 'completed', completedAt: OLD } as const;
      await tell(
        store,
        jobEvent({ id: 1, ...over }),
        jobEvent({ id: 2, ...over, completedAt: CUT }),
      );
      await launched(store, ['i-1']);
      await store.saveRegistration({ instance: 'i-1', request: 'r', answer: 's' });
      await store.sighted('i-1', 'terminated', '', OLD);
      await store.noteEvents('i-1', ['e'], OLD);
      await store.exhaust(anExhausted({ until: OLD }));
      for (const key of ['aws|a', 'aws', 'knocked:i-1']) await store.saveFact(key, '1', OLD);
      await store.saveFact('aws|b', '1', CUT);
      await store.prune(CUT);
      expect(await store.receive([delivery])).toEqual([true]);
      expect((await store.recentJobs(9)).map((job) => job.id)).toEqual([11, 2]);
      expect(await store.recentInstances(9)).toEqual([]);
      expect(await store.launch('l1')).toBeNull();
      expect(await store.registration('i-1')).toBeNull();
      expect(await store.noteEvents('i-1', ['e'], T)).toEqual([true]);
      expect(await store.exhausted('default')).toEqual([]);
      expect(
        [...(await store.facts(['aws|a', 'aws|b', 'aws', 'knocked:i-1'])).keys()].sort(),
      ).toEqual(['aws', 'aws|b']);
    });

    test('keeps what lives, waits or is not applied, however old', async () => {
      const store = await open();
      const delivery = aDelivery('old');
      await store.receive([delivery]);
      await tell(store, jobEvent());
      const lease = await launched(store, ['i-1']);
      await store.intend(lease, [anIntent({ id: 'l2' })], OLD);
      await store.saveFact('a', '1', OLD);
      const before = await store.scopeRows(SCOPE);
      await store.prune(CUT);
      expect(await store.scopeRows(SCOPE)).toEqual(before);
      expect(await store.unapplied(9)).toEqual([delivery]);
      expect(await store.launch('l1')).not.toBeNull();
      expect(await store.fact('a')).not.toBeNull();
      expect(await aLease(store)).toMatchObject({ fence: lease.fence });
    });
  });
}
