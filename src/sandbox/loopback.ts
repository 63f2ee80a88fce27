import type { Server } from 'node:http';
import { assert } from '../lib/assert.ts';

export interface Loopback {
  readonly url: string;
  /** Open connections are cut. */
  close(): Promise<void>;
}

/** Listens on loopback only: a sandbox is nobody else's business. Port 0 takes a free one. */
export async function listen(server: Server, port = 0): Promise<Loopback> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const address = server.address();
  assert(typeof address === 'object' && address !== null, 'a listening server has an address');
  return {
    url: `http://127.0.0.1:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
