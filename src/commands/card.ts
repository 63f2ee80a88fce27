import { isoOf } from '../lib/instant.ts';
import { neutralize, shorten } from '../lib/markdown.ts';
import type { WaitRow } from '../model/outcome.ts';

/** What a commit's check run says of its jobs that wait. */
export interface Card {
  readonly title: string;
  readonly summary: string;
}

const MOST_TITLE = 140;
const MOST_ROWS = 50;

/** `waits` are of one commit, the longest first. */
export function waitingCard(waits: readonly WaitRow[]): Card {
  const [first] = waits;
  const title =
    waits.length === 1 && first
      ? `${first.job.name}: ${first.reason}`
      : `${waits.length} jobs wait: ${first?.reason ?? ''}`;
  const rows = waits.slice(0, MOST_ROWS).map(({ job, since, labels, reason }) => {
    const name = `[${neutralize(shorten(job.name, 100))}](${job.url})`;
    const wants = neutralize(shorten(labels.join(' '), 80));
    return `| ${name} | ${wants} | ${isoOf(since).slice(11, 19)} | ${neutralize(reason)} |`;
  });
  const more = waits.length > MOST_ROWS ? [`\nand ${waits.length - MOST_ROWS} more`] : [];
  const head = ['| Job | Wants | Since (UTC) | Reason |', '|---|---|---|---|'];
  const foot = '\n`/dstack autoscale explain` in a comment says more.';
  return {
    title: shorten(title, MOST_TITLE),
    summary: [...head, ...rows, ...more, foot].join('\n'),
  };
}

/** Of a run that was cancelled because no machine was to be had for it. */
export const cancelledCard = (why: string, url: string): Card => ({
  title: shorten(why, MOST_TITLE),
  summary: `${neutralize(why)}\n\n[The run](${url}) was cancelled because of \`on-exhausted: cancel\`; re-run it when there are machines again.`,
});

export const startedCard: Card = {
  title: 'No job waits any more',
  summary: 'Every job of this commit that waited for a machine has started or has ended.',
};

/** What waited for a rule, or for room, has one now. */
export const servedCard: Card = {
  title: 'A machine is coming for every job that waited',
  summary: 'The rules serve every job of this commit now, and machines are starting for them.',
};
