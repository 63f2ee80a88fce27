import type { Card } from '../commands/card.ts';
import type { CheckRun, Talk } from '../github/port.ts';
import type { Reply } from '../model/reply.ts';
import type { Repo } from '../model/repo.ts';

/** The one check run of a commit that speaks of its jobs and machines. */
const NAME = 'dstack / queue';

/**
 * Changes the commit's check, or makes it. Where its id is not known there may be one all the same: it
 * was ended long ago, or the database was lost; so GitHub is asked for it by its name.
 */
export async function writeQueueCheck(
  talk: Talk,
  repo: Repo,
  of: {
    readonly id: number | undefined;
    readonly sha: string;
    readonly card: Card;
    readonly conclusion: CheckRun['conclusion'];
  },
): Promise<Reply<{ readonly id: number }>> {
  const { sha, card, conclusion } = of;
  let { id } = of;
  if (id === undefined) {
    const found = await talk.findCheck(repo, { name: NAME, sha });
    if (!found.ok) return found;
    id = found.value?.id;
  }
  const { title, summary } = card;
  const check = { name: NAME, sha, conclusion, title, summary, annotations: [] };
  return talk.check(repo, { ...check, ...(id === undefined ? {} : { id }) });
}
