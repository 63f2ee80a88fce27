import { servedCard, startedCard, waitingCard } from '../commands/card.ts';
import type { Talk } from '../github/port.ts';
import type { Instant } from '../lib/clock.ts';
import type { ScopeId } from '../model/ids.ts';
import type { WaitRow } from '../model/outcome.ts';
import type { Repo } from '../model/repo.ts';
import type { ScopeRows } from '../store/port.ts';
import { tellCancelled } from './cancel-card.ts';
import type { ActDeps } from './deps.ts';
import { writeQueueCheck } from './queue-check.ts';
import { jobLink } from './rules-state.ts';

type Need = Pick<ActDeps, 'store' | 'clock' | 'log' | 'settings'> & { readonly talk: Talk };

/** No machine that the rules allow can ever run these: that is told at once. */
const NEVER: ReadonlySet<string> = new Set(['no-rule', 'bad-label', 'fork-denied']);
/** What needs no word here: it comes, or has a check of its own. */
const UNTOLD: ReadonlySet<string> = new Set(['starting', 'cancelled']);
/** Cards of one scope that are open at once; commits beyond them wait for theirs. */
const MOST_OPEN = 50;

/** A card that stands at GitHub; an ended one is known until it may be changed again. */
interface KnownCard {
  readonly repo: number;
  readonly sha: string;
  readonly id: number;
  /** '' when it is ended. */
  readonly said: string;
  readonly at: Instant;
}

/**
 * One card for each commit with jobs that wait: at once for what can never run, after R/2 for what no
 * machine is coming for; changed at most every R/4, and always ended when its jobs are served. Answers
 * in how many ms there is more to say, whatever happens until then.
 */
export async function tellWaits(deps: Need, scope: ScopeId): Promise<number | undefined> {
  const rows = await deps.store.scopeRows(scope);
  const [repo] = rows.repos;
  if (!repo || repo.removedAt !== null) return undefined;
  const key = `cards:${scope}`;
  const fact = await deps.store.fact(key);
  const known = fact ? (JSON.parse(fact.value) as readonly KnownCard[]) : [];
  const shown = worthTelling(deps, rows);
  const cancelled = await tellCancelled(deps, rows, known);
  const ended = cancelled.map((of) => ({ ...of, said: '' }));
  const cards = [...ended, ...known.filter((card) => !ended.some(({ id }) => id === card.id))];
  if (cards.length === 0 && shown.size === 0) return undefined;
  const next: KnownCard[] = [];
  for (const card of cards) {
    const waits = shown.get(keyOf(card));
    const kept = await keep(deps, { rows, card, waits });
    if (kept) next.push(kept);
    shown.delete(keyOf(card));
  }
  for (const [commit, waits] of shown) {
    if (next.length >= MOST_OPEN) break;
    const made = await begin(deps, { rows, commit, waits });
    if (made) next.push(made);
  }
  const value = JSON.stringify(next);
  if (value !== fact?.value) await deps.store.saveFact(key, value, deps.clock.now());
  // The last job may be over before its card may change again, and then nothing else wakes us.
  return next.length > 0 ? deps.settings.resyncMs / 4 : undefined;
}

const keyOf = ({ repo, sha }: { readonly repo: number; readonly sha: string }): string =>
  `${repo}:${sha}`;

/** By commit, the waits that a person should read about. */
function worthTelling(deps: Need, rows: ScopeRows): Map<string, WaitRow[]> {
  const now = deps.clock.now();
  const byCommit = new Map<string, WaitRow[]>();
  for (const job of rows.jobs) {
    const reason = job.state === 'queued' ? job.reason : null;
    const repo = rows.repos.find((one) => one.id === job.repo);
    if (!reason || !repo || UNTOLD.has(reason.code)) continue;
    const isLong = now - job.queuedAt >= deps.settings.resyncMs / 2;
    if (!isLong && !NEVER.has(reason.code)) continue;
    const { labels, queuedAt: since } = job;
    const link = jobLink(deps, repo, job);
    const row = { job: link, since, labels, code: reason.code, reason: reason.text };
    const key = keyOf({ repo: repo.id, sha: job.sha });
    byCommit.set(key, [...(byCommit.get(key) ?? []), row]);
  }
  return byCommit;
}

const repoOf = (rows: ScopeRows, id: number): Repo | undefined =>
  rows.repos.find((one) => one.id === id);

/** The card as it stands now; undefined when it is over, and there is no more to say of it. */
async function keep(
  deps: Need,
  of: { rows: ScopeRows; card: KnownCard; waits: readonly WaitRow[] | undefined },
): Promise<KnownCard | undefined> {
  const { card, waits } = of;
  const repo = repoOf(of.rows, card.repo);
  if (!repo) return undefined;
  const now = deps.clock.now();
  const isYoung = now - card.at < deps.settings.resyncMs / 4;
  const said = waits ? saidOf(waits) : '';
  if (isYoung) return card;
  if (said === card.said) return said === '' ? undefined : card;
  const isQueued = of.rows.jobs.some(
    (job) => job.state === 'queued' && keyOf({ repo: job.repo, sha: job.sha }) === keyOf(card),
  );
  const content = waits ? waitingCard(waits) : isQueued ? servedCard : startedCard;
  const conclusion = waits ? conclusionOf(waits) : 'neutral';
  const { id, sha } = card;
  const done = await writeQueueCheck(deps.talk, repo, { id, sha, card: content, conclusion });
  if (!done.ok) return done.reason === 'missing' ? undefined : { ...card, at: now };
  return { ...card, said, at: now };
}

async function begin(
  deps: Need,
  of: { rows: ScopeRows; commit: string; waits: readonly WaitRow[] },
): Promise<KnownCard | undefined> {
  const [id = '', sha = ''] = of.commit.split(':');
  const repo = repoOf(of.rows, Number(id));
  if (!repo) return undefined;
  const card = waitingCard(of.waits);
  const conclusion = conclusionOf(of.waits);
  const made = await writeQueueCheck(deps.talk, repo, { id: undefined, sha, card, conclusion });
  if (!made.ok) {
    deps.log.warn({ scope: repo.scope, sha, code: made.code }, 'check run not written');
    return undefined;
  }
  return { repo: repo.id, sha, id: made.value.id, said: saidOf(of.waits), at: deps.clock.now() };
}

/** What no rule can ever serve is a mistake in the commit or in the rules. */
const conclusionOf = (waits: readonly WaitRow[]) =>
  waits.some(({ code }) => NEVER.has(code)) ? ('failure' as const) : null;

/** The same jobs for the same reasons need no second word. */
const saidOf = (waits: readonly WaitRow[]): string =>
  waits.map(({ job, reason }) => `${job.id} ${reason}`).join('\n');
