import type { Io } from './io.ts';

const FRAMES = ['⠋', '⠙', '⠸', '⠴', '⠦', '⠇'];
const FRAME_MS = 120;
/** What is done by then needs no sign of life. */
const PATIENCE_MS = 400;
const CLEAR_LINE = '\r\x1b[2K';

/** A line that moves on standard error while a person waits; it is gone when the work is done. */
export async function withProgress<T>(io: Io, what: string, work: () => Promise<T>): Promise<T> {
  if (!io.isSeen.stderr) return work();
  const done = new AbortController();
  const began = io.clock.now();
  const moving = (async () => {
    await io.clock.sleep(PATIENCE_MS, done.signal);
    for (let at = 0; !done.signal.aborted; at++) {
      const seconds = Math.round((io.clock.now() - began) / 1000);
      const frame = FRAMES[at % FRAMES.length] ?? '';
      io.stderr.write(`${CLEAR_LINE}${frame} ${what} … ${seconds} s`);
      await io.clock.sleep(FRAME_MS, done.signal);
    }
    if (io.clock.now() - began > PATIENCE_MS) io.stderr.write(CLEAR_LINE);
  })();
  try {
    return await work();
  } finally {
    done.abort();
    await moving;
  }
}
