import { EXIT, type Io, paint } from './io.ts';

/** One thing that was looked at, and what to do where it is not well. */
export interface Check {
  readonly name: string;
  readonly state: 'ok' | 'warn' | 'FAIL';
  readonly text: string;
  readonly do?: string;
}

export const ok = (name: string, text: string): Check => ({ name, state: 'ok', text });
export const warn = (name: string, text: string, todo: string): Check => ({
  ...{ name, state: 'warn', text },
  do: todo,
});
export const fail = (name: string, text: string, todo: string): Check => ({
  ...{ name, state: 'FAIL', text },
  do: todo,
});

const NAME_COLUMNS = 12;
const STYLE = { ok: 'green', warn: 'yellow', FAIL: 'red' } as const;

/** One line each, what to do below it, and the counts; the exit code says whether all is well. */
export function report(io: Io, checks: readonly Check[], isJson: boolean): number {
  const count = (state: Check['state']) => checks.filter((one) => one.state === state).length;
  const failed = count('FAIL');
  if (isJson) io.stdout.write(`${JSON.stringify({ ok: failed === 0, checks })}\n`);
  else {
    for (const check of checks) io.stdout.write(lineOf(io, check));
    const parts = [`${count('ok')} ok`, `${count('warn')} to look at`, `${failed} failed`];
    io.stdout.write(`\n${parts.filter((part) => !part.startsWith('0 ')).join(', ')}\n`);
  }
  return failed === 0 ? EXIT.done : EXIT.failed;
}

function lineOf(io: Io, { name, state, text, do: todo }: Check): string {
  const word = paint(io, 'stdout', { style: STYLE[state], text: state.padEnd(4) });
  const line = `${word}  ${name.padEnd(NAME_COLUMNS)}${text}\n`;
  return todo === undefined ? line : `${line}${' '.repeat(NAME_COLUMNS + 6)}do: ${todo}\n`;
}
