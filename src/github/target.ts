import type { Refused, Reply } from '../model/reply.ts';
import type { Target } from './client.ts';
import type { RepoRef } from './port.ts';

/** A call about one repository, with a token that reaches no other; `verb` is for messages. */
export const target = (
  repo: RepoRef,
  call: Target['call'],
  verb: string,
  params: Target['params'] = {},
): Target => ({
  call,
  at: { installation: repo.installation, repo: repo.id },
  params: { owner: repo.owner, repo: repo.name, ...params },
  what: `${verb} in ${repo.owner}/${repo.name}`,
});

/** For `{+path}` in a route: its slashes part it, all else in it is encoded. */
export const encodePath = (path: string): string =>
  path.split('/').map(encodeURIComponent).join('/');

/** GitHub says that it is not there; a repository out of reach is `missing` by another code. */
export const isNotFound = (reply: Reply<unknown>): reply is Refused =>
  !reply.ok && reply.reason === 'missing' && reply.code === '404';
