import { describe, expect, test } from '@jest/globals';
import { editDistance, nearest } from '../../src/lib/nearest.ts';

describe('nearest', () => {
  const known = ['instance-type', 'max', 'max-price', 'spot-policy', 'on-exhausted', 'labels'];

  test.each([
    ['spot_policy', 'spot-policy'],
    ['spotPolicy', 'spot-policy'],
    ['sopt-policy', 'spot-policy'],
    ['mxa', 'max'],
    ['label', 'labels'],
    ['price', 'max-price'],
    ['type', 'instance-type'],
    ['on-exausted', 'on-exhausted'],
  ])('takes %s as %s', (word, meant) => {
    expect(nearest(word, known)).toBe(meant);
  });

  test.each(['', 'x', 'colour', '---', 'ma'.repeat(40), 'exhausted-on-what'])(
    'does not guess what %j means',
    (word) => {
      expect(nearest(word, known)).toBeUndefined();
    },
  );

  test('does not choose between two words that share a part', () => {
    expect(nearest('price', ['max-price', 'min-price'])).toBeUndefined();
  });

  test.each([
    ['', 'abc', 3],
    ['abc', 'abc', 0],
    ['abc', 'acb', 1],
    ['kitten', 'sitting', 3],
  ])('counts the changes from %j to %j', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
  });
});
