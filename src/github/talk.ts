import { checkCalls } from './checks.ts';
import type { Client } from './client.ts';
import { commentCalls } from './comments.ts';
import { commitCalls } from './commits.ts';
import type { Talk } from './port.ts';
import { pullCalls } from './pulls.ts';

// The port Talk by REST: what people read of us, and the one file that we write. Each part is a file
// beside this one; all of them share the client, so GitHub's limits are kept over all of them.

/** `appId` tells our own comments and pull requests from those of others. */
export const createTalk = (client: Client, appId: string): Omit<Talk, 'hourOf'> => ({
  ...commentCalls(client, appId),
  ...commitCalls(client),
  ...pullCalls(client),
  ...checkCalls(client),
});
