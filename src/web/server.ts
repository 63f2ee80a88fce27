import { createServer } from 'node:http';
import { Unavailable } from '../lib/assert.ts';
import { type Routes, serveRoutes } from '../lib/http.ts';
import type { Log } from '../lib/log.ts';

/** Longer than proxies keep a connection, so that it is never us who close one in use. */
const KEEP_ALIVE_MS = 75_000;
/** GitHub gives its webhooks ten; all that machines and people send is shorter than that. */
const REQUEST_TIMEOUT_MS = 30_000;

export interface Listening {
  readonly port: number;
  close(): Promise<void>;
}

/** Resolves when it listens; `port-taken` is for the caller to put into words. */
export function listen(
  routes: Routes,
  on: {
    readonly host: string;
    readonly port: number;
    readonly log: Log;
    /** A request that has not arrived as a whole by then is answered 408. */
    readonly requestTimeoutMs?: number;
  },
): Promise<Listening | 'port-taken'> {
  const requestTimeout = on.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
  const server = createServer(
    { requestTimeout, connectionsCheckingInterval: requestTimeout / 6 },
    serveRoutes(routes, (err, path) => {
      // The store says once what ails it: a line for each request would fill the disk further.
      if (!(err instanceof Unavailable)) on.log.error({ err, path }, 'a bug in a handler');
    }),
  );
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve('port-taken');
      else reject(error);
    });
    server.listen(on.port, on.host, () => {
      const address = server.address();
      const port = typeof address === 'object' && address ? address.port : on.port;
      resolve({ port, close: () => close() });
    });
  });

  function close(): Promise<void> {
    return new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }
}
