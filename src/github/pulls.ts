import { fieldsOf, idOf, textOf } from '../model/github-json.ts';
import type { RepoId } from '../model/ids.ts';
import { done, type Reply } from '../model/reply.ts';
import type { Client } from './client.ts';
import type { PullFacts, RepoRef, Talk } from './port.ts';
import { target } from './target.ts';

// Pull requests of our own, for branches that we may not push to.

/** 1,000 open ones, the newest first: ours are few, and seldom old. */
const MAX_PAGES = 10;

type Calls = 'openPull' | 'pull' | 'openPulls' | 'closePull';

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
