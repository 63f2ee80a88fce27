import { fieldsOf, idOf, textOf } from '../model/github-json.ts';
import type { RepoId } from '../model/ids.ts';
import { done, type Reply } from '../model/reply.ts';
import type { Client } from './client.ts';
import type { PullFacts, RepoRef, Talk } from './port.ts';
import { target } from './target.ts';

// Pull requests of our own, for branches that we may not push to.

/** 1,000 open ones, the newest first: ours are few, and seldom old. */
const MAX_PAGES = 10;
/** GitHub lists 3,000 files of a pull request, and no more. */
const MAX_FILE_PAGES = 30;

type Calls = 'openPull' | 'pull' | 'pullFiles' | 'openPulls' | 'closePull';

export function pullCalls(client: Client): Pick<Talk, Calls> {
  return {
    openPull: (repo, pull) =>
      client.call(
        target(repo, 'openPull', `open a pull request for ${pull.head}`, { ...pull }),
        ({ data }) => parsePull(data)?.facts,
      ),
    pull: (repo, number) =>
      client.call(
        target(repo, 'pull', `read pull request #${number}`, { pull_number: number }),
        ({ data }) => parsePull(data)?.facts,
      ),
    pullFiles: (repo, number) => pullFiles(client, repo, number),
    openPulls: (repo, headPrefix) => openPulls(client, repo, headPrefix),
    closePull: (repo, number) =>
      client.call(
        target(repo, 'changePull', `close pull request #${number}`, {
          pull_number: number,
          state: 'closed',
        }),
        () => null,
      ),
  };
}

async function pullFiles(
  client: Client,
  repo: RepoRef,
  number: number,
): Promise<Reply<readonly string[]>> {
  const listed = await client.list(
    target(repo, 'pullFiles', `list the files of #${number}`, { pull_number: number }),
    {
      items: (data) => data,
      // A file that was moved changes both places.
      parse: (value) => {
        const { filename, previous_filename: before } = fieldsOf(value);
        const path = textOf(filename);
        return path === undefined ? undefined : [path, textOf(before) ?? path];
      },
      maxPages: MAX_FILE_PAGES,
    },
  );
  return listed.ok ? done([...new Set(listed.value.flat())]) : listed;
}

async function openPulls(
  client: Client,
  repo: RepoRef,
  headPrefix: string,
): Promise<Reply<readonly PullFacts[]>> {
  // A pull request names its author only, and an App's author is called after its slug.
  const slug = await client.call(
    { call: 'app', at: null, params: {}, what: 'read who we are' },
    ({ data }) => textOf(fieldsOf(data)['slug']),
  );
  if (!slug.ok) return slug;
  const pulls = await client.list(
    target(repo, 'pulls', 'list the open pull requests', { state: 'open' }),
    { items: (data) => data, parse: parsePull, maxPages: MAX_PAGES },
  );
  if (!pulls.ok) return pulls;
  const ours = pulls.value.filter(
    ({ facts, author, headRepo }) =>
      author === `${slug.value}[bot]` && headRepo === repo.id && facts.head.startsWith(headPrefix),
  );
  return done(ours.map(({ facts }) => facts));
}

interface Pull {
  readonly facts: PullFacts;
  readonly author: string | null;
  /** null: the fork that it came from is gone. */
  readonly headRepo: RepoId | null;
}

/** A list's short form too: it has no `merged`, so the time of the merge says it. */
function parsePull(value: unknown): Pull | undefined {
  const fields = fieldsOf(value);
  const from = fieldsOf(fields['head']);
  const number = idOf(fields['number']);
  const url = textOf(fields['html_url']);
  const head = textOf(from['ref']);
  const { state } = fields;
  if (number === undefined || url === undefined || head === undefined) return undefined;
  if (state !== 'open' && state !== 'closed') return undefined;
  const isMerged = textOf(fields['merged_at']) !== undefined;
  return {
    facts: { number, url, head, state: isMerged ? 'merged' : state },
    author: textOf(fieldsOf(fields['user'])['login']) ?? null,
    headRepo: idOf(fieldsOf(from['repo'])['id']) ?? null,
  };
}
