import { isoOf } from '../lib/instant.ts';
import { code, neutralize, shorten } from '../lib/markdown.ts';
import type {
  EndedRow,
  JobLink,
  MachineRow,
  Outcome,
  Place,
  Told,
  WaitRow,
} from '../model/outcome.ts';
import { isGood } from '../model/outcome.ts';
import { helpMarkdown } from './help-text.ts';
import { errorMarkdown, leftOutMarkdown } from './render-error.ts';
import { callsLine, costLine, monthLine, rulesTable, span, usd } from './reply-rules.ts';

/** GitHub takes 65,536; what is longer is cut at a line, and says so. */
const MOST_CHARACTERS = 60_000;
const MOST_ROWS = 10;

/** Finds our own answer again, so that a command is never answered twice. */
export const markerOf = (comment: number): string => `<!-- dstack reply comment=${comment} v=1 -->`;

/** One comment for all commands of a comment: a section each, in their order. */
export function replyMarkdown(of: {
  readonly comment: number;
  readonly outcomes: readonly Outcome[];
  readonly leftOut: number;
}): string {
  const { outcomes } = of;
  const refused = outcomes.filter((one) => !isGood(one)).length;
  const count =
    outcomes.length > 1 ? [`${outcomes.length - refused} done, ${refused} refused.`] : [];
  const more = leftOutMarkdown(of.leftOut);
  const sections = [...count, ...outcomes.map(sectionMarkdown), ...(more ? [more] : [])];
  return `${cut(sections.join('\n\n---\n\n'))}\n\n${markerOf(of.comment)}\n`;
}

function cut(text: string): string {
  if (text.length <= MOST_CHARACTERS) return text;
  const lines = text.slice(0, MOST_CHARACTERS).split('\n').slice(0, -1);
  const count = (mark: string) => lines.filter((line) => line.startsWith(mark)).length;
  const isInFence = count('```') % 2 === 1;
  const isFolded = count('<details>') > count('</details>');
  return [
    ...lines,
    ...(isInFence ? ['```'] : []),
    ...(isFolded ? ['', '</details>'] : []),
    '',
    '**The rest was cut: it is too long.**',
  ].join('\n');
}

export function sectionMarkdown(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'changed':
      return changed(outcome);
    case 'unchanged':
      return [
        `**${neutralize(outcome.head)}** Nothing was changed.`,
        ...rulesTable(outcome.state),
      ].join('\n\n');
    case 'info':
      return info(outcome);
    case 'runners':
      return [
        `**${machinesHead(outcome.machines)}**`,
        ...machinesTable(outcome.machines),
        small(`as of ${minute(outcome.asOf)}`),
      ].join('\n\n');
    case 'explain':
      return outcome.told.length > 0 ? outcome.told.map(told).join('\n\n') : '**No job waits.**';
    case 'foreseen':
      return foreseen(outcome);
    case 'help':
      return helpMarkdown(outcome.topic);
    case 'refused':
      return refused(outcome);
    case 'file-problems':
      return fileProblems(outcome);
    case 'error':
      return errorMarkdown(outcome.error);
  }
}

type Of<K extends Outcome['kind']> = Extract<Outcome, { kind: K }>;

/** An address of ours stays one that can be followed. */
const refused = ({ text, hint, url }: Of<'refused'>): string =>
  [
    `**${neutralize(text)}** Nothing was changed.`,
    ...(url === undefined ? [] : [`[Ask for more here](${url}).`]),
    ...(hint === undefined ? [] : [hint]),
  ].join(' ');

function changed({ head, state, ended, place, undo, notes }: Of<'changed'>): string {
  const foot = [
    placeText(place),
    `${minute(state.asOf)}`,
    ...(undo ? [`undo: ${code(`/dstack ${undo}`)}`] : []),
  ].join(' · ');
  return [
    `**${neutralize(head)}**${endedCount(ended)}`,
    ...rulesTable(state),
    ...endedList(ended),
    costLine(state),
    ...notes.map((note) => neutralize(note)),
    small(foot),
  ].join('\n\n');
}

function placeText({ kind, name, url, branch }: Place): string {
  switch (kind) {
    case 'commit':
      return `[${code(name.slice(0, 7))}](${url}) on ${code(branch)}`;
    case 'pull':
      return `asked for in [#${name}](${url}), because ${code(branch)} is protected`;
    case 'lifted':
      return name === ''
        ? 'what was held against the file is let go'
        : `[#${name}](${url}), which asked for something else, is closed`;
    case 'held':
      return `not committed (${neutralize(name)}), and in force all the same until a command takes it back`;
  }
}

export function endedCount(ended: readonly EndedRow[]): string {
  if (ended.length === 0) return '';
  const cutJobs = ended.filter(({ isCut }) => isCut).length;
  const jobs = cutJobs === 0 ? 'no job was' : cutJobs === 1 ? '1 job was' : `${cutJobs} jobs were`;
  return ` Ended ${ended.length} ${ended.length === 1 ? 'machine' : 'machines'}; ${jobs} interrupted.`;
}

/** Each job that was cut is linked: the many are folded. */
function endedList(ended: readonly EndedRow[]): readonly string[] {
  const all = ended.map(endedText);
  if (all.length === 0) return [];
  if (all.length <= MOST_ROWS) return [`Ended: ${all.join('; ')}`];
  const lines = all.map((one) => `- ${one}`).join('\n');
  return [`<details><summary>Ended machines and their jobs</summary>\n\n${lines}\n\n</details>`];
}

function endedText({ id, isCut, job, ranMs }: EndedRow): string {
  if (!isCut) return code(id);
  const ran = job ? link(job) : UNNAMED_JOB;
  return `${code(id)} (ran ${ran}${ranMs === null ? '' : ` for ${span(ranMs)}`})`;
}

/** The machine said that it had begun one, and GitHub has not said which. */
export const UNNAMED_JOB = 'a job that GitHub has not named yet';

const link = ({ name, url }: JobLink): string => `[${neutralize(shorten(name, 100))}](${url})`;

const minute = (at: number): string => `${isoOf(at).slice(0, 16).replace('T', ' ')} UTC`;
const small = (text: string): string => `<sub>${text}</sub>`;

/** At most so many, and how many more there are. */
const rows = (list: readonly string[]): readonly string[] =>
  list.length <= MOST_ROWS
    ? list
    : [...list.slice(0, MOST_ROWS), `and ${list.length - MOST_ROWS} more`];

function info({ state, waits, machines, rules, calls, spent }: Of<'info'>): string {
  const isOn = state.enabled ? 'Autoscaling is on' : 'Autoscaling is off: `enabled: false`';
  const source = rules.commit
    ? `rules of [${code(rules.commit.slice(0, 7))}](${rules.url})`
    : `rules in [${code('.github/dstack.yml')}](${rules.url})`;
  return [
    `**${waitsHead(waits)}, ${machinesHead(machines).toLowerCase()}** ${isOn} · ${source}`,
    ...rulesTable(state),
    ...waitsTable(waits),
    `${costLine(state)} ${monthLine(state.month)}`,
    ...(machines.length > 0
      ? [
          `<details><summary>Machines</summary>\n\n${machinesTable(machines).join('\n\n')}\n\n</details>`,
        ]
      : []),
    ...(spent ? [small(callsLine(spent))] : []),
    small(
      [
        `as of ${minute(state.asOf)}`,
        ...(calls ? [`${calls.used} of ${calls.limit} calls to GitHub used in this hour`] : []),
        code('/dstack autoscale explain'),
      ].join(' · '),
    ),
  ].join('\n\n');
}

export const waitsHead = (waits: readonly WaitRow[]): string =>
  waits.length === 1 ? '1 job waits' : `${waits.length || 'No'} jobs wait`;

export const machinesHead = (machines: readonly MachineRow[]): string =>
  machines.length === 1 ? '1 machine runs.' : `${machines.length || 'No'} machines run.`;

const table = (head: readonly string[], body: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...body].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

function waitsTable(waits: readonly WaitRow[]): readonly string[] {
  if (waits.length === 0) return [];
  const body = waits
    .slice(0, MOST_ROWS)
    .map(({ job, since, labels, reason }) => [
      link(job),
      isoOf(since).slice(11, 19),
      neutralize(shorten(labels.join(' '), 80)),
      neutralize(reason),
    ]);
  const more = waits.length > MOST_ROWS ? [`and ${waits.length - MOST_ROWS} more`] : [];
  return [table(['Waiting', 'Since', 'Wants', 'Reason'], body), ...more];
}

function machinesTable(machines: readonly MachineRow[]): readonly string[] {
  if (machines.length === 0) return [];
  const body = machines
    .slice(0, MOST_ROWS)
    .map((one) => [
      code(one.id),
      `${one.type} ${one.zone}`,
      one.state,
      one.job ? link(one.job) : '–',
      span(one.upMs),
      usd(one.usd),
    ]);
  const more = machines.length > MOST_ROWS ? [`and ${machines.length - MOST_ROWS} more`] : [];
  return [table(['Machine', 'Type', 'State', 'Job', 'Up', 'Cost'], body), ...more];
}

function told({ job, state, text, waitedMs, ranMs, machine }: Told): string {
  const on = machine
    ? ` On ${code(machine.id)} (${machine.type} ${machine.market}, ${machine.zone}), ${usd(machine.usd)}.`
    : '';
  const ran = ranMs === null ? '' : ` after ${span(ranMs)}, having waited ${span(waitedMs ?? 0)}`;
  return `**${link(job)}** ${state}${ran}.${text === '' ? '' : ` ${neutralize(text)}`}${on}`;
}

function foreseen({ labels, isServed, text }: Of<'foreseen'>): string {
  const asks = labels.map(code).join(' ');
  const would = isServed ? 'would get a machine now' : 'would wait';
  return `**A job that asks for** ${asks} **${would}.** ${neutralize(text)}`;
}

function fileProblems({ problems, url }: Of<'file-problems'>): string {
  const lines = rows(
    problems.map(({ line, column, message }) => `line ${line}:${column}: ${neutralize(message)}`),
  );
  return [
    `**[${code('.github/dstack.yml')}](${url}) has errors, so it was not edited.** Nothing was changed.`,
    lines.map((line) => `- ${line}`).join('\n'),
  ].join('\n\n');
}
