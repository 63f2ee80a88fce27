import { expect, test } from '@jest/globals';
import { cutAtLine } from '../../src/lib/cut.ts';

test.each([
  ['what fits', 'one\ntwo\n', 8, 'one\ntwo\n'],
  ['a line that does not', 'one\ntwo\nthree\nfour', 15, 'one\ntwo\n\n…\n'],
  ['one long line', 'abcdefghijklm', 12, 'abcdef\n\n…\n'],
  ['a character of more than one byte', 'ääääääää', 15, 'ääää\n\n…\n'],
])('keeps %s', (_, text, maxBytes, kept) => {
  expect(cutAtLine(text, maxBytes)).toBe(kept);
  expect(Buffer.byteLength(kept)).toBeLessThanOrEqual(maxBytes);
});
