import { describe, expect, test } from '@jest/globals';
import { generate } from './scenario.ts';
import { simulate } from './simulate.ts';

const seeds = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

describe('a scenario', () => {
  test.each(seeds(40))('keeps every promise, twice alike: seed %d', async (seed) => {
    const scenario = generate(seed);
    const first = await simulate(scenario);
    expect([first.rule, first.text]).toEqual([null, '']);
    expect((await simulate(scenario)).hash).toBe(first.hash);
  });

  test.each(seeds(4))('gives the same trace on SQLite: seed %d', async (seed) => {
    const scenario = generate(seed);
    const [memory, sqlite] = [
      await simulate(scenario),
      await simulate(scenario, { store: 'sqlite' }),
    ];
    expect(sqlite.trace).toEqual(memory.trace);
    expect(sqlite.hash).toBe(memory.hash);
  });

  test('has what it takes: jobs, rules, scopes and faults', () => {
    for (const seed of seeds(200)) {
      const { jobs, repos, faults } = generate(seed);
      expect(jobs.length).toBeGreaterThanOrEqual(20);
      expect(repos.length).toBe(2);
      expect(repos.flatMap(({ rules }) => rules).length).toBeGreaterThanOrEqual(3);
      expect(faults.length).toBeGreaterThanOrEqual(10);
    }
  });
});
