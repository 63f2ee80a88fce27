import { neutralize } from '../lib/markdown.ts';
import type { CallCounts, Month, RuleRow, RulesState } from '../model/outcome.ts';

const MOST_ROWS = 10;
/** What a month has, as clouds count. */
const MONTH_HOURS = 730;

/** `$0.0312`: up to four digits after the first that is not zero, never less than cents. */
export function usd(value: number): string {
  if (value === 0) return '$0';
  const digits = value >= 1 ? 2 : value >= 0.1 ? 3 : 4;
  return `$${value.toFixed(digits)}`;
}

export const hourly = (value: number | null): string => (value === null ? '?' : `${usd(value)}/h`);

/** `6 min`, `3 min 12 s`, `2 h 5 min`. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)];
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}

export const NO_RULES = 'There are no rules: no machine may be launched.';

export function rulesTable({ rows, held }: RulesState): readonly string[] {
  if (rows.length === 0) return [NO_RULES, ...held];
  const line = (row: RuleRow) =>
    `| ${row.type} | ${row.region} | ${row.market} | ${hourly(row.nowUsd)} | ${hourly(row.atMostUsd)} | ${row.inUse} / ${row.max} | ${neutralize(row.status)} |`;
  const more = rows.length > MOST_ROWS ? [`and ${rows.length - MOST_ROWS} more rules`] : [];
  return [
    [
      '| Type | Region | Market | Price now | At most | In use / max | Status |',
      '|---|---|---|--:|--:|--:|---|',
      ...rows.slice(0, MOST_ROWS).map(line),
    ].join('\n'),
    ...more,
    ...held,
  ];
}

const sum = (rows: readonly RuleRow[], price: (row: RuleRow) => number | null): number | null =>
  rows.reduce<number | null>((total, row) => {
    const each = price(row);
    return total === null || each === null ? null : total + each * row.max;
  }, 0);

/** The one number that people quote later must be the honest one: the worst case, by hour and month. */
export function costLine({ rows, monthUsd, unpriced, budgetUsd }: RulesState): string {
  const now = sum(rows, (row) => row.nowUsd);
  const most = sum(rows, (row) => row.atMostUsd);
  const budget = budgetUsd === null ? '' : ` of the budget of ${usd(budgetUsd)}`;
  const soFar = `This month so far: ${usd(monthUsd)}${budget}.${withoutPrice(unpriced)}`;
  if (rows.length === 0) return soFar;
  const monthly = (value: number) => `${usd(value)}/hour (${usd(value * MONTH_HOURS)}/month)`;
  if (most !== null && now !== null) {
    return `All rules at their maximum: **${usd(now)}/hour** at today's prices, never more than **${monthly(most)}**. ${soFar}`;
  }
  if (now !== null)
    return `All rules at their maximum: **${monthly(now)}** at today's prices. ${soFar}`;
  return `AWS does not say what all rules at their maximum cost an hour and a month. ${soFar}`;
}

function withoutPrice(count: number): string {
  if (count === 0) return '';
  const [machines, them] = count === 1 ? ['machine', 'its'] : ['machines', 'their'];
  return ` AWS tells no price of ${count} ${machines}: only ${them} disk and address are in it.`;
}

/** What it costs of what GitHub and EC2 allow; '' where nobody counts. */
export function callsLine(calls: CallCounts | null): string {
  if (!calls) return '';
  const { work, healing, healingMost, free } = calls.github;
  const healed = `${healing} of at most ${healingMost} to find what was lost, ${free} unchanged and free`;
  return `Calls of the last hour: ${work} to GitHub for work, ${healed}; ${calls.ec2Writes} to EC2 that changed something.`;
}

/** What the month's money was spent for. */
export function monthLine({ jobs, machineMs }: Month): string {
  const hours = machineMs / HOUR_MS;
  const shown = hours > 0 && hours < 0.1 ? 'under 0.1' : hours.toFixed(hours < 100 ? 1 : 0);
  return `That was ${jobs} ${jobs === 1 ? 'job' : 'jobs'} and ${shown} machine-hours.`;
}

const HOUR_MS = 3_600_000;
