import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { Server } from 'node:http';

// Servers under test run in processes of their own, so that neither the load nor another server takes
// their time. The parent asks by name, the child answers with a number: its port, its memory.

export interface Child {
  ask(what: string): Promise<number>;
  stop(): Promise<void>;
}

/** `file` is beside this one; it calls `answerParent` once it can be asked. */
export async function startChild(file: string, args: readonly string[]): Promise<Child> {
  const child = fork(new URL(file, import.meta.url), args, { stdio: 'inherit' });
  const ended = once(child, 'exit');
  const answer = () => Promise.race([once(child, 'message'), ended.then(() => ['gone'])]);
  const ready = await answer();
  if (ready[0] === 'gone') throw new Error(`${file} ${args[0]} did not start`);
  return {
    async ask(what) {
      child.send(what);
      const [value] = await answer();
      if (typeof value !== 'number') throw new Error(`${file} ${args[0]} ended, asked: ${what}`);
      return value;
    },
    async stop() {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}

export function answerParent(
  answers: Readonly<Record<string, () => number | Promise<number>>>,
): void {
  process.on('message', async (what) => process.send?.(await answers[String(what)]?.()));
  process.once('disconnect', () => process.exit());
  process.send?.('ready');
}

/** Any free port of loopback. Connections stay open while another contestant has its turn. */
export async function portOf(server: Server): Promise<number> {
  server.keepAliveTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || !address) throw new Error('a server without a port');
  return address.port;
}
