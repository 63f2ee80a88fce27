import { cutAtLine } from '../../src/lib/cut.ts';
import type { Random } from '../../src/lib/random.ts';

// What a step says to GitHub's runner: by lines of its output that begin with `::`, and by files that
// the environment names. Text of others must do neither, whatever it holds.
// https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands

export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly endColumn: number;
}

export interface Runner {
  /** Plain text for the log, that is no command. */
  say(text: string): void;
  /** The runner shows it in no log from now on. */
  mask(secret: string): void;
  annotate(level: 'error' | 'warning', message: string, at?: Place): void;
  output(name: string, value: string): void;
  /** For the post step of the same job, as STATE_<name>. */
  state(name: string, value: string): void;
  summary(markdown: string): void;
}

/** The runner refuses more for one step. */
const SUMMARY_BYTES = 1024 * 1024;

export function createRunner(of: {
  readonly write: (text: string) => void;
  readonly append: (path: string, text: string) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly random: Random;
}): Runner {
  const { write, env, random } = of;

  function append(variable: string, text: string): void {
    const path = env[variable];
    // Where no runner is, nobody reads it.
    if (path) of.append(path, text);
  }
  /** Nobody can know the mark that ends the value, so no value can end itself and set another. */
  function set(variable: string, name: string, value: string): void {
    const mark = `dstack-${random.hex(16)}`;
    append(variable, `${name}<<${mark}\n${value}\n${mark}\n`);
  }

  return {
    say(text) {
      const isHarmless = !/::|##\[/.test(text);
      const mark = random.hex(16);
      const lines = `${text.trimEnd()}\n`;
      write(isHarmless ? lines : `::stop-commands::${mark}\n${lines}::${mark}::\n`);
    },
    mask: (secret) => write(`::add-mask::${data(secret)}\n`),
    annotate(level, message, at) {
      const where = at && {
        file: at.file,
        line: at.line,
        col: at.column,
        endColumn: at.endColumn,
      };
      const properties = Object.entries({ title: 'dstack', ...where })
        .map(([name, value]) => `${name}=${property(String(value))}`)
        .join(',');
      write(`::${level} ${properties}::${data(message)}\n`);
    },
    output: (name, value) => set('GITHUB_OUTPUT', name, value),
    state: (name, value) => set('GITHUB_STATE', name, value),
    summary: (markdown) =>
      append('GITHUB_STEP_SUMMARY', cutAtLine(`${markdown.trimEnd()}\n\n`, SUMMARY_BYTES)),
  };
}

const data = (text: string): string =>
  text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
const property = (text: string): string => data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
