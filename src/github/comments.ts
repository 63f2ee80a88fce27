import type { Instant } from '../lib/clock.ts';
import { instantOf, isoOf } from '../lib/instant.ts';
import { fieldsOf, idOf, textOf } from '../model/github-json.ts';
import { done, type Reply } from '../model/reply.ts';
import type { Client } from './client.ts';
import { parseId } from './parse.ts';
import type { Permission, RepoRef, Talk } from './port.ts';
import { isNotFound, target } from './target.ts';

// Who may command, and what we answer.

/** 1,000 comments since a command: far more than anybody writes before it is answered. */
const MAX_PAGES = 10;

type Calls = 'permission' | 'comment' | 'editComment' | 'findComment' | 'react' | 'unreact';

export function commentCalls(client: Client, appId: string): Pick<Talk, Calls> {
  return {
    async permission(repo, username) {
      const asked = target(repo, 'permission', `read what ${username} may do`, { username });
      const reply = await client.call(asked, ({ data }) => parsePermission(data));
      return isNotFound(reply) ? done('none') : reply;
    },
    comment: (repo, issue, body) =>
      client.call(
        target(repo, 'comment', `comment on #${issue}`, { issue_number: issue, body }),
        ({ data }) => parseId(data),
      ),
    editComment: (repo, id, body) =>
      client.call(
        target(repo, 'editComment', `edit comment ${id}`, { comment_id: id, body }),
        () => null,
      ),
    findComment: (repo, of) => findComment(client, repo, { ...of, appId }),
    react: (repo, id, content) =>
      client.call(
        target(repo, 'react', `react to comment ${id}`, { comment_id: id, content }),
        ({ data }) => parseId(data),
      ),
    unreact: (repo, id, reaction) =>
      client.call(
        target(repo, 'unreact', `take a reaction from comment ${id}`, {
          comment_id: id,
          reaction_id: reaction,
        }),
        () => null,
      ),
  };
}

interface Wanted {
  readonly issue: number;
  readonly marker: string;
  readonly since: Instant;
  readonly appId: string;
}

async function findComment(
  client: Client,
  repo: RepoRef,
  { issue, marker, since, appId }: Wanted,
): Promise<Reply<{ readonly id: number } | null>> {
  // GitHub writes whole seconds, and by `since` it means changed since.
  const from = Math.floor(since / 1000) * 1000;
  const isIt = (comment: OurComment) => comment.createdAt >= from && comment.body.includes(marker);
  const reply = await client.list(
    target(repo, 'comments', `list the comments of #${issue}`, {
      issue_number: issue,
      since: isoOf(from),
    }),
    {
      items: (data) => data,
      // Not by the marker: what was parsed is kept, and may be asked for with another one.
      parse: (value) => parseComment(value, appId),
      maxPages: MAX_PAGES,
      isEnough: (comments) => comments.some(isIt),
    },
  );
  if (!reply.ok) return reply;
  const found = reply.value.find(isIt);
  return done(found ? { id: found.id } : null);
}

interface OurComment {
  readonly id: number;
  readonly createdAt: Instant;
  /** Empty for what others wrote. */
  readonly body: string;
}

function parseComment(value: unknown, appId: string): OurComment | undefined {
  const fields = fieldsOf(value);
  const id = idOf(fields['id']);
  const createdAt = instantOf(fields['created_at']);
  if (id === undefined || createdAt === undefined) return undefined;
  const isOurs = String(fieldsOf(fields['performed_via_github_app'])['id']) === appId;
  return { id, createdAt, body: isOurs ? (textOf(fields['body']) ?? '') : '' };
}

const PERMISSIONS: readonly Permission[] = ['admin', 'write', 'read', 'none'];

/** Its `permission` has the four old words, also for roles such as `maintain` or an owner's own. */
const parsePermission = (value: unknown): Permission | undefined =>
  PERMISSIONS.find((one) => one === fieldsOf(value)['permission']);
