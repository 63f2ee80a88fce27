import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import type { Io } from './io.ts';

/** The end of what is typed: Ctrl-C, or a standard input that closed. */
export type Ended = 'cancelled' | 'closed';

export interface Prompter {
  /** One line, without its end; a hidden one is not echoed on a terminal. */
  ask(label: string, of?: { readonly isHidden: boolean }): Promise<string | { ended: Ended }>;
  close(): void;
}

/** One reader for all prompts, so that lines that were pasted or piped at once are not lost. */
export function createPrompter({ stdin, stdout, isTty }: Io): Prompter {
  let isMuted = false;
  const output = new Writable({
    write(part, _, done) {
      if (!isMuted) stdout.write(part);
      done();
    },
  });
  const reader = createInterface({ input: stdin, output, terminal: isTty, historySize: 0 });
  const lines: string[] = [];
  let ended: Ended | undefined;
  let wake = () => {};
  reader.on('line', (line) => {
    lines.push(line);
    wake();
  });
  reader.on('SIGINT', () => end('cancelled'));
  reader.on('close', () => end('closed'));

  function end(how: Ended): void {
    ended ??= how;
    wake();
  }

  return {
    async ask(label, { isHidden } = { isHidden: false }) {
      if (isHidden) {
        stdout.write(label);
        isMuted = isTty;
        reader.setPrompt('');
      } else {
        reader.setPrompt(label);
        reader.prompt();
      }
      while (lines.length === 0 && ended === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      isMuted = false;
      const line = ended === 'cancelled' ? undefined : lines.shift();
      // The end of a line that was not echoed, or that nobody typed.
      if (isHidden || !isTty || line === undefined) stdout.write('\n');
      return line ?? { ended: ended ?? 'closed' };
    },
    close: () => reader.close(),
  };
}
