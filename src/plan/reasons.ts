import type { Instant } from '../lib/clock.ts';
import type { Reason } from '../model/job.ts';
import type { RuleView } from '../model/world.ts';

// Every sentence of the plan is made of these: subject, state, because, next. Times are absolute, so
// that the same world gives the same text and a reason changes only when something did.

/** What a deployment's description and a line of a terminal hold. */
const MAX_REASON = 140;
const MAX_LABEL = 40;

const cut = (text: string, max: number): string =>
  text.length > max ? `${text.slice(0, max - 1)}…` : text;

export const sentence = (text: string): string => cut(text, MAX_REASON);

export const reason = (code: string, text: string): Reason => ({ code, text: sentence(text) });

export const quoted = (label: string): string => `\`${cut(label, MAX_LABEL)}\``;

export const nameOf = (rule: RuleView): string => `${rule.type} in ${rule.region}`;

const two = (value: number): string => String(value).padStart(2, '0');

/** `14:27:00`, UTC. */
export function clockTime(at: Instant): string {
  const seconds = Math.floor(at / 1000) % 86_400;
  const minutes = Math.floor(seconds / 60);
  return `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}:${two(seconds % 60)} UTC`;
}

/** `90 s`, `5 min`, `6 h`: the largest unit that is whole. */
export function span(ms: number): string {
  if (ms % 3_600_000 === 0) return `${ms / 3_600_000} h`;
  if (ms % 60_000 === 0) return `${ms / 60_000} min`;
  return `${ms / 1000} s`;
}

/** `$0.0312 an hour`: at most four decimals. */
export const hourly = (usd: number): string => `$${Number(usd.toFixed(4))} an hour`;

export const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? '' : 's'}`;
