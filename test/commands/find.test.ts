import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { findCommands, MAX_COMMANDS } from '../../src/commands/find.ts';
import { parseCommand } from '../../src/commands/parse.ts';
import { errorMarkdown, errorText } from '../../src/commands/render-error.ts';

const found = (...lines: readonly string[]): readonly string[] =>
  findCommands(lines.join('\n')).commands.map(({ line, text }) => `${line}: ${text}`);

describe('a command in a comment', () => {
  test.each<[what: string, lines: readonly string[], expected: readonly string[]]>([
    ['alone', ['/dstack runners'], ['1: runners']],
    ['without words', ['/dstack'], ['1: ']],
    ['among words', ['Please', '/dstack runners', 'thanks'], ['2: runners']],
    ['several', ['/dstack runners', '', '/dstack help  '], ['1: runners', '3: help']],
    [
      'with carriage returns',
      ['a\r', '\r', '/dstack runners\r', '/dstack help\r'],
      ['3: runners', '4: help'],
    ],
    ['with up to three spaces', ['   /dstack runners'], ['1: runners']],
    [
      'with a space of another kind',
      ['/dstack\u00a0runners', '/dstack\trunners'],
      ['1: runners', '2: runners'],
    ],
    ['with a capital letter', ['/Dstack runners'], ['1: runners']],
    [
      'with a dash that a phone wrote',
      ['/dstack autoscale allow m5.large —max 1'],
      ['1: autoscale allow m5.large —max 1'],
    ],
    ['right below a quote', ['> /dstack autoscale clear', '/dstack runners'], ['2: runners']],
    ['after code', ['```sh', '/dstack autoscale clear', '```', '/dstack runners'], ['4: runners']],
    [
      'after a hidden remark',
      ['<!-- a -->', '/dstack runners', 'a <!-- b', '', '/dstack help'],
      ['2: runners', '5: help'],
    ],
    ['after an open code mark', ["it's `", '', '/dstack runners `'], ['3: runners `']],
    ['below code in one line', ['```a``` b', '/dstack runners'], ['2: runners']],
  ])('is found %s', (_, lines, expected) => {
    expect(found(...lines)).toEqual(expected);
  });

  test.each<[what: string, ...lines: readonly string[]]>([
    [
      'another word',
      '/dstackautoscale info',
      '/dstack-runner',
      '/dstak info',
      '/ dstack info',
      'dstack info',
    ],
    [
      'not at the start',
      'write /dstack autoscale clear',
      '- /dstack autoscale clear',
      '**/dstack info**',
    ],
    ['in a quote', '> /dstack autoscale clear', '   > /dstack autoscale clear', '>/dstack info'],
    ['in a heading', '# /dstack autoscale clear', '### /dstack info'],
    ['in a line of code', '    /dstack autoscale clear', '\t/dstack info', ' \t/dstack info'],
    ['in code marks', '`/dstack autoscale clear`', '``/dstack info``'],
    ['between code marks of other lines', 'a `b', '/dstack autoscale clear', 'c` d'],
    ['in a fence', '```', '/dstack autoscale clear', '```'],
    ['in a fence of tildes', '~~~ sh', '/dstack autoscale clear', '```', '/dstack info', '~~~'],
    ['in a longer fence', '````', '```', '/dstack autoscale clear', '````'],
    ['in a fence that stays open', 'a', '```yaml', '', '/dstack autoscale clear'],
    [
      'in a fence of a list',
      '- ```',
      '  /dstack autoscale clear',
      '  ```',
      '1. a',
      '   ```',
      '   /dstack info',
      '   ```',
    ],
    ['in a hidden remark', '<!--', '/dstack autoscale clear', '', '/dstack info', '-->'],
    ['in a remark that begins in a line', 'see <!-- this', '/dstack autoscale clear', '-->'],
    ['in HTML code', '<pre>', '/dstack autoscale clear', '', '/dstack info', '</pre>'],
    ['in an HTML quote', '<blockquote>', '/dstack autoscale clear', '</blockquote>'],
  ])('is none %s', (_, ...lines) => {
    expect(found(...lines)).toEqual([]);
  });

  test('is not run beyond the twentieth, and how many there were is known', () => {
    const { commands, leftOut } = findCommands('/dstack runners\n'.repeat(1000));
    expect(commands).toHaveLength(MAX_COMMANDS);
    expect(leftOut).toBe(980);
  });
});

describe('any comment', () => {
  const SIZE = 65_536;
  const fill = (piece: string): string =>
    piece.repeat(Math.ceil(SIZE / piece.length)).slice(0, SIZE);

  const isAnswered = (comment: string): void => {
    for (const { text } of findCommands(comment).commands) {
      const parsed = parseCommand(text, 'comment');
      if (parsed.ok) continue;
      expect(errorMarkdown(parsed.error).length).toBeLessThan(2000);
      expect(errorText(parsed.error).length).toBeLessThan(2000);
    }
  };

  // Each of these costs minutes where a search starts anew at every sign.
  test.each([
    ...[
      '`',
      '``` ',
      '```a` ',
      '~',
      '<!--',
      '-->',
      '<!-- `',
      '- ',
      '1. ',
      '\n',
      '\r',
      ' ',
      '\t',
      '> ',
    ],
    ...[
      '/dstack ',
      '/dstack\n',
      '/dstack "',
      '/dstack `\n',
      '/dstack <!--\n',
      '` /dstack\n``',
      '<pre>\n',
    ],
    ...['/dstack autoscale allow m5.xlarge --max 1\n', '```\n/dstack\n', 'a`\n/dstack b``\n'],
  ])('of 65,536 characters of %j is read', (piece) => {
    isAnswered(fill(piece));
    isAnswered(`/dstack ${fill(piece)}`);
    isAnswered(`\`\`\`${fill(piece)}\n${fill(piece)}`);
  });

  test('is read', () => {
    const pieces = fc.constantFrom(
      ...[
        '/dstack ',
        'autoscale ',
        'allow ',
        'm5.xlarge ',
        '--max ',
        '1',
        '\n',
        '\n\n',
        '\r\n',
        '    ',
      ],
      ...[
        '`',
        '```',
        '~~~',
        '<!--',
        '-->',
        '<pre>',
        '</pre>',
        '> ',
        '- ',
        '# ',
        '"',
        '—',
        '\0',
        '\u202e',
      ],
    );
    const comment = fc.array(pieces, { maxLength: 60 }).map((all) => all.join(''));
    fc.assert(fc.property(fc.oneof(comment, fc.string({ unit: 'binary' })), isAnswered), {
      numRuns: 2000,
    });
  });
});
