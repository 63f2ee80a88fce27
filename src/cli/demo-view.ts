import { styleText } from 'node:util';
import type { Instant } from '../lib/clock.ts';
import { isoOf } from '../lib/instant.ts';
import type { Log } from '../lib/log.ts';
import type { Event } from '../model/event.ts';

// cli: what a person reads in a terminal. The lines of the demo are the app's own webhooks and its
// own log, put into columns: it shows nothing that the app does not say.

type Style = Parameters<typeof styleText>[0];

/** Lines of one verb and one tail that come close together are shown as one, with all their subjects. */
export interface Line {
  readonly at: Instant;
  readonly verb: string;
  readonly subject: string;
  readonly tail: string;
  readonly style: Style;
  /** Where only their number is said, of how many jobs the line speaks. */
  readonly jobs?: number;
}

const MOST_SUBJECTS = 6;
const VERB_COLUMNS = 9;
const SUBJECT_COLUMNS = 34;

/** Joins what belongs together, keeping the order in which each verb and tail came first. */
export function joinLines(lines: readonly Line[]): readonly Line[] {
  const groups = Map.groupBy(lines, ({ verb, tail }) => `${verb}|${tail}`);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (!first) return [];
    if (first.jobs !== undefined) {
      return [{ ...first, subject: jobsOf(group.reduce((sum, { jobs = 0 }) => sum + jobs, 0)) }];
    }
    const subjects = group.map(({ subject }) => subject);
    const more =
      subjects.length > MOST_SUBJECTS ? ` and ${subjects.length - MOST_SUBJECTS} more` : '';
    return [{ ...first, subject: subjects.slice(0, MOST_SUBJECTS).join(', ') + more }];
  });
}

const jobsOf = (count: number): string => `${count} ${count === 1 ? 'job' : 'jobs'}`;

export function printLine({ at, verb, subject, tail, style }: Line, isColoured: boolean): string {
  const time = isoOf(at).slice(11, 19);
  const shown = verb.padEnd(VERB_COLUMNS);
  const text = tail === '' ? subject : `${subject.padEnd(SUBJECT_COLUMNS)} ${tail}`;
  if (!isColoured) return `${time}  ${shown} ${text}`;
  const paint = (how: Style, what: string) => styleText(how, what, { validateStream: false });
  return `${paint('dim', time)}  ${paint(style, shown)} ${text}`;
}

/** What a webhook says, once it is written down. */
export function lineOfEvent(event: Event, at: Instant): Line | undefined {
  if (event.kind !== 'job') return undefined;
  const { job } = event;
  const subject = `${job.name} #${job.run % 10_000}`;
  switch (job.state) {
    case 'waiting':
      return { at, verb: 'approval', subject, tail: '', style: 'cyan' };
    case 'queued':
      return { at, verb: 'queued', subject, tail: `wants ${job.labels.join(' ')}`, style: 'cyan' };
    case 'in_progress':
      return {
        at,
        verb: 'started',
        subject: `${subject} on ${machineOf(job.runnerName)}`,
        tail: '',
        style: 'green',
      };
    case 'completed':
      return {
        at,
        verb: 'done',
        subject,
        tail: job.conclusion === 'success' ? '' : (job.conclusion ?? ''),
        style: job.conclusion === 'success' ? 'green' : 'red',
      };
  }
}

/** `dstack-i-0ab…-f3` → `i-0ab…`; a runner's name leads back to its machine. */
const machineOf = (runner: string | null): string =>
  runner?.split('-').slice(1, 3).join('-') ?? '?';

type Facts = Readonly<Record<string, unknown>>;
type Shown = Omit<Line, 'at'>;

const listed = (value: unknown): string => (Array.isArray(value) ? value.join(', ') : '');
const seconds = (ms: unknown): string => `${(Number(ms) / 1000).toFixed(1)} s`;

/** Which messages of the log are shown, and how. */
const SHOWN: Readonly<Record<string, (facts: Facts) => Shown | undefined>> = {
  'rules read': ({ rules }) => ({
    verb: 'rules',
    subject: `${rules} rules`,
    tail: 'read from .github/dstack.yml',
    style: 'blue',
  }),
  'region looked over; launches may begin': ({ region, found }) => ({
    verb: 'look',
    subject: String(region),
    tail: `${found} machines of ours found; launches may begin`,
    style: 'blue',
  }),
  'jobs wait': ({ code, text, count }) =>
    code === 'starting'
      ? undefined
      : { verb: 'wait', subject: '', jobs: Number(count), tail: String(text), style: 'yellow' },
  'instances launched': ({ instances, reason }) => ({
    verb: 'launch',
    subject: listed(instances),
    tail: String(reason),
    style: 'magenta',
  }),
  'launch failed': ({ rule, zone, code }) => ({
    verb: 'refused',
    subject: `${rule} in ${zone}`,
    tail: `${code}; the next offer is tried`,
    style: 'red',
  }),
  registered: ({ instance, ms }) => ({
    verb: 'online',
    subject: `${instance} in ${seconds(ms)}`,
    tail: '',
    style: 'magenta',
  }),
  'machine reported': ({ kind, instance, reason }) =>
    kind === 'ending'
      ? {
          verb: 'off',
          subject: String(instance),
          tail: `powers itself off: ${reason}`,
          style: 'dim',
        }
      : undefined,
  'instances ended': ({ instances, reason }) => ({
    verb: 'ended',
    subject: listed(instances),
    tail: String(reason ?? ''),
    style: 'dim',
  }),
};

/** A log that shows what a person enjoys to read, and everything that a person must look at. */
export function logToLines(now: () => Instant, show: (line: Line) => void): Log {
  const say = (facts: object, message: string) => {
    const line = SHOWN[message]?.({ ...facts });
    if (line) show({ at: now(), ...line });
  };
  const tell = (verb: string, style: Style) => (facts: object, message: string) => {
    if (SHOWN[message]) return say(facts, message);
    show({ at: now(), verb, subject: message, tail: factsOf(facts), style });
  };
  return {
    debug: () => {},
    info: say,
    warn: tell('warning', 'yellow'),
    error: tell('ERROR', 'red'),
  };
}

/** JSON has no errors of its own. */
const factsOf = (facts: object): string =>
  JSON.stringify(facts, (_, value: unknown) =>
    value instanceof Error ? (value.stack ?? value.message) : value,
  ).slice(0, 2_000);

export interface Status {
  readonly queued: number;
  readonly running: number;
  readonly succeeded: number;
  readonly lost: number;
  readonly live: number;
  readonly aboveMax: number;
  readonly usd: number;
}

export const statusLine = (now: Status): string =>
  [
    `waiting ${now.queued}`,
    `running ${now.running}`,
    `machines ${now.live}`,
    `done ${now.succeeded}`,
    `lost ${now.lost}`,
    `over the maximum ${now.aboveMax}`,
    `$${now.usd.toFixed(4)} of pretend money`,
  ].join(' · ');
