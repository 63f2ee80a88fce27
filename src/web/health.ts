import type { Handler } from '../lib/http.ts';

/** The process is there. */
export const healthz: Handler = async () => ({ status: 200, body: 'ok\n' });

/** It can do its work: what was written down before is applied, and the store answers. */
export const createReadyz =
  (deps: { readonly isReady: () => boolean; readonly ping: () => Promise<unknown> }): Handler =>
  async () => {
    if (!deps.isReady()) return { status: 503, body: 'starting\n' };
    try {
      await deps.ping();
      return { status: 200, body: 'ready\n' };
    } catch {
      return { status: 503, body: 'the database does not answer\n' };
    }
  };
