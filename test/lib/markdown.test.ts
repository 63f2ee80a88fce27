import { describe, expect, test } from '@jest/globals';
import { code, codeInCell, neutralize, shorten, visible } from '../../src/lib/markdown.ts';

/** As a reader sees it: escapes and breaks are not seen. */
const seen = (text: string): string =>
  text.replace(/\\([!-/:-@[-`{-~])/g, '$1').replaceAll('\u200b', '');

describe('text of other people', () => {
  test.each([
    ['@octocat and @org/team', '@\u200boctocat and @\u200borg/team'],
    ['#12, o/r#12, GH-12', '\\#\u200b12, o/r#\u200b12, GH\u200b-12'],
    ['https://a.b www.a.b', 'https\u200b://a.b www\u200b.a.b'],
    ['[a](b) ![c](d)', '\\[a\\](b) !\\[c\\](d)'],
    ['**a** _b_ ~~c~~ `d`', '\\*\\*a\\*\\* \\_b\\_ \\~\\~c\\~\\~ \\`d\\`'],
    ['<b>&amp;<!-- x -->', '\\<b\\>\\&amp;\\<!-- x --\\>'],
    ['a | b $x$', 'a \\| b \\$x\\$'],
    ['\\*', '\\\\\\*'],
    ['- a', '\\- a'],
    ['1. a', '1\\. a'],
    ['+ a', '\\+ a'],
  ])('does nothing: %j', (text, inert) => {
    expect(neutralize(text)).toBe(inert);
    expect(seen(neutralize(text))).toBe(text);
  });

  test('stays in one line and hides nothing', () => {
    expect(neutralize('a\n# b\r\nc')).toBe('a #\u200b b  c');
    expect(visible('a\u202eb\u0000c\u200bd\u001b[1m')).toBe('a�b�c�d�[1m');
  });

  test('keeps its places when it is made visible', () => {
    expect(visible('😀\ud800\t\u2028x')).toHaveLength('😀\ud800\t\u2028x'.length);
  });

  test.each([
    ['a', '`a`'],
    ['a`b', '``a`b``'],
    ['`a``', '``` `a`` ```'],
    [' a ', '`  a  `'],
    ['@a #1 <b> | $x$', '`@a #1 <b> | $x$`'],
    ['a\nb', '`a b`'],
  ])('is code as it is: %j', (text, span) => {
    expect(code(text)).toBe(span);
  });

  test('does not end a cell of a table', () => {
    expect(codeInCell('a|b')).toBe('`a\\|b`');
  });

  test('is cut with a sign that says so', () => {
    expect(shorten('abcd', 4)).toBe('abcd');
    expect(shorten('abcde', 4)).toBe('abc…');
  });
});
