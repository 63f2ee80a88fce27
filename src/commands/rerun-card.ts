import { neutralize, shorten } from '../lib/markdown.ts';
import type { MachineRow } from '../model/outcome.ts';
import type { Card } from './card.ts';
import { span, usd } from './reply-rules.ts';

/** A job whose machine EC2 took back, or did not take after all. */
export interface LossRow {
  readonly name: string;
  readonly url: string;
  readonly machine: MachineRow;
  /** How long the job had run; null: not known. */
  readonly ranMs: number | null;
  /** EC2's own word for why the machine ended; '' where it gave none. */
  readonly ec2Reason: string;
}

const MOST_TITLE = 140;
const MOST_ROWS = 50;

/** What a commit's check run says of jobs that lost their machine: what, why, what it cost, and what now. */
export function rerunCard(of: {
  readonly reason: string;
  /** The number of the attempt that runs now; null: nothing is run again by itself. */
  readonly next: number | null;
  readonly runUrl: string;
  readonly losses: readonly LossRow[];
}): Card {
  const { reason, next, runUrl, losses } = of;
  const rows = losses.slice(0, MOST_ROWS).map(({ name, url, machine, ranMs, ec2Reason }) => {
    const job = `[${neutralize(shorten(name, 100))}](${url})`;
    const place = `${machine.id} (${machine.type} ${machine.market}, ${machine.zone})`;
    const ran = ranMs === null ? '?' : span(ranMs);
    const word = neutralize(shorten(ec2Reason || 'none', 120));
    return `| ${job} | ${place} | ${word} | ${ran} | ${usd(machine.usd)} |`;
  });
  const more = losses.length > MOST_ROWS ? [`\nand ${losses.length - MOST_ROWS} more`] : [];
  const now =
    next === null
      ? `Nothing of this runs again by itself. [The run](${runUrl}) has the buttons to run it again.`
      : `What was lost runs again as [attempt ${next}](${runUrl}).`;
  return {
    title: shorten(reason, MOST_TITLE),
    summary: [
      `${neutralize(reason)}\n`,
      "| Job | Machine | EC2's word | Had run | The machine cost |",
      '|---|---|---|--:|--:|',
      ...rows,
      ...more,
      `\n${now}`,
      'EC2 does not bill a spot machine that it takes back within its first hour; its disk and address it does.',
    ].join('\n'),
  };
}
