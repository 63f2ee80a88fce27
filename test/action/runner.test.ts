import { expect, test } from '@jest/globals';
import { createRunner } from '../../action/src/runner.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { valuesOf } from './step.ts';

// What text of others cannot do to GitHub's runner.

function aRunner() {
  const said = { log: '', files: new Map<string, string>() };
  const runner = createRunner({
    write: (text) => {
      said.log += text;
    },
    append: (path, text) => void said.files.set(path, (said.files.get(path) ?? '') + text),
    env: { GITHUB_OUTPUT: 'output', GITHUB_STATE: 'state', GITHUB_STEP_SUMMARY: 'summary' },
    random: systemRandom,
  });
  return { runner, said };
}

test.each(['one line', '', 'EOF\nb<<EOF\nforged', 'a\nb\n\n', 'x=1\ny<<z\n1\nz'])(
  'the value %j is read as it was written, and sets nothing else',
  (value) => {
    const { runner, said } = aRunner();
    runner.output('text', value);
    runner.output('ok', 'true');
    expect(valuesOf(said.files.get('output') ?? '')).toEqual({ text: value, ok: 'true' });
  },
);

test('no two values end by the same mark', () => {
  const { runner, said } = aRunner();
  runner.state('a', '1');
  runner.state('b', '2');
  const marks = [...(said.files.get('state') ?? '').matchAll(/<<(.+)/g)].map(([, mark]) => mark);
  expect(new Set(marks).size).toBe(2);
});

test.each(['::error::forged', '  ::add-mask::a', 'a\r::set-output name=b::c', '##[command]x'])(
  'the text %j is no command',
  (text) => {
    const { runner, said } = aRunner();
    runner.say(text);
    const [, mark = ''] = /^::stop-commands::([0-9a-f]{32})\n/.exec(said.log) ?? [];
    expect(said.log).toBe(`::stop-commands::${mark}\n${text}\n::${mark}::\n`);
  },
);

test('plain text stays as it is', () => {
  const { runner, said } = aRunner();
  runner.say('m5.large: at most 2\n\n');
  expect(said.log).toBe('m5.large: at most 2\n');
});

test('an annotation is one line, whatever is in it', () => {
  const { runner, said } = aRunner();
  const at = { file: 'a,b:c.yml', line: 1, column: 2, endColumn: 3 };
  runner.annotate('error', '100%\r\n::warning::x', at);
  expect(said.log).toBe(
    '::error title=dstack,file=a%2Cb%3Ac.yml,line=1,col=2,endColumn=3::100%25%0D%0A::warning::x\n',
  );
});

test('a summary is cut at a line where the runner would refuse it', () => {
  const { runner, said } = aRunner();
  runner.summary('| a row |\n'.repeat(200_000));
  expect(Buffer.byteLength(said.files.get('summary') ?? '')).toBeLessThanOrEqual(1024 * 1024);
  expect(said.files.get('summary')).toMatch(/\| a row \|\n\n…\n$/);
});
