import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

// The client of all contestants: keep-alive connections that write requests made before, and look
// no further into answers than their end. It must cost less than the servers: they share the cores.

export interface Load {
  readonly seconds: number;
  readonly latenciesMs: readonly number[];
}

/** Whether a whole answer has come; what is no success ends the benchmark. */
function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return false;
  if (!text.startsWith('HTTP/1.1 20')) throw new Error(`a server answered ${text.slice(0, 200)}`);
  const length = /\r\ncontent-length: (\d+)/i.exec(text)?.[1];
  return length === undefined
    ? text.endsWith('0\r\n\r\n')
    : text.length - end - 4 >= Number(length);
}

export interface Connection {
  /** One request and its answer; resolves with the time between them. */
  exchange(request: Buffer): Promise<number>;
  close(): void;
}

export async function open(port: number): Promise<Connection> {
  const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  socket.setEncoding('latin1');
  return {
    exchange: (request) =>
      new Promise((resolve, reject) => {
        let text = '';
        const start = performance.now();
        const broken = () => reject(new Error('a server closed a connection'));
        const more = (part: string) => {
          text += part;
          if (!isWhole(text)) return;
          socket.off('data', more).off('close', broken);
          resolve(performance.now() - start);
        };
        socket.on('data', more).on('close', broken);
        if (socket.destroyed) broken();
        else socket.write(request);
      }),
    close: () => socket.destroy(),
  };
}

/**
 * Sends all of them, one at a time by each connection. Those are opened before: a server takes up new
 * connections one by one, which is not what is measured.
 */
export async function send(
  connections: readonly Connection[],
  requests: readonly Buffer[],
): Promise<Load> {
  const latenciesMs: number[] = [];
  const left = requests.values();
  const start = performance.now();
  await Promise.all(
    connections.map(async ({ exchange }) => {
      for (const request of left) latenciesMs.push(await exchange(request));
    }),
  );
  return { seconds: (performance.now() - start) / 1000, latenciesMs };
}
