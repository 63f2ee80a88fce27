import { expect, test } from '@jest/globals';
import { MUTANTS, plant } from './mutants.ts';

test.each(MUTANTS)('a planted defect still fits the source: $name', (mutant) => {
  expect(() => plant(mutant)).not.toThrow();
});

test('defects are told apart by name', () => {
  expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
});
