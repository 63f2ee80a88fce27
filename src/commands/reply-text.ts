import { isoOf } from '../lib/instant.ts';
import { shorten, visible } from '../lib/markdown.ts';
import type {
  EndedRow,
  JobLink,
  MachineRow,
  Outcome,
  Place,
  RulesState,
  Told,
  WaitRow,
} from '../model/outcome.ts';
import { helpText } from './help-text.ts';
import { errorText } from './render-error.ts';
import { endedCount, machinesHead, UNNAMED_JOB, waitsHead } from './reply.ts';
import { callsLine, costLine, hourly, monthLine, NO_RULES, span, usd } from './reply-rules.ts';

// The replies for a terminal: the same sentences and the same columns as in a comment, without Markdown.

/** Ends with the end of a line. */
export function sectionText(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'changed':
      return changed(outcome);
    case 'unchanged':
      return paragraphs(`${outcome.head} Nothing was changed.`, rules(outcome.state));
    case 'info':
      return info(outcome);
    case 'runners':
      return paragraphs(machinesHead(outcome.machines), machines(outcome.machines));
    case 'explain':
      return outcome.told.length > 0 ? paragraphs(...outcome.told.map(told)) : 'No job waits.\n';
    case 'foreseen':
      return foreseen(outcome);
    case 'help':
      return helpText(outcome.topic);
    case 'refused':
      return paragraphs(
        [outcome.text, 'Nothing was changed.', ...(outcome.hint ? [outcome.hint] : [])]
          .join(' ')
          .replaceAll('`', ''),
        outcome.url ?? '',
      );
    case 'file-problems':
      return fileProblems(outcome);
    case 'error':
      return errorText(outcome.error);
  }
}

type Of<K extends Outcome['kind']> = Extract<Outcome, { kind: K }>;

const paragraphs = (...parts: readonly string[]): string =>
  `${parts.filter((part) => part !== '').join('\n\n')}\n`;

function changed({ head, state, ended, place, undo, notes }: Of<'changed'>): string {
  return paragraphs(
    `${visible(head)}${endedCount(ended)}`,
    rules(state),
    ended.length > 0 ? `Ended: ${ended.map(endedText).join('; ')}` : '',
    cost(state),
    ...notes.map(visible),
    [placeText(place), ...(undo ? [`undo: dstack ${undo}`] : [])].join('\n'),
  );
}

function placeText({ kind, name, url, branch }: Place): string {
  switch (kind) {
    case 'commit':
      return `${name.slice(0, 7)} on ${branch}: ${url}`;
    case 'pull':
      return `asked for in #${name}, because ${branch} is protected: ${url}`;
    case 'lifted':
      return name === ''
        ? 'what was held against the file is let go'
        : `#${name}, which asked for something else, is closed: ${url}`;
    case 'held':
      return `not committed (${visible(name)}), and in force all the same until a command takes it back`;
  }
}

function endedText({ id, isCut, job, ranMs }: EndedRow): string {
  if (!isCut) return id;
  const ran = job ? link(job) : UNNAMED_JOB;
  return `${id} (ran ${ran}${ranMs === null ? '' : ` for ${span(ranMs)}`})`;
}

const link = ({ name, url }: JobLink): string => `${visible(shorten(name, 100))} ${url}`;

/** Numbers and our own words only: the signs in it are Markdown's. */
const cost = (state: RulesState): string => costLine(state).replaceAll('**', '');

function rules({ rows, held }: RulesState): string {
  if (rows.length === 0) return [NO_RULES, ...held].join('\n');
  const head = ['TYPE', 'REGION', 'MARKET', 'PRICE NOW', 'AT MOST', 'IN USE / MAX', 'STATUS'];
  const body = rows.map((row) => [
    ...[row.type, row.region, row.market, hourly(row.nowUsd), hourly(row.atMostUsd)],
    `${row.inUse} / ${row.max}`,
    row.status,
  ]);
  return [table(head, body), ...held].join('\n');
}

function info({ state, waits, machines: rows, rules: file, calls, spent }: Of<'info'>): string {
  const isOn = state.enabled ? 'Autoscaling is on' : 'Autoscaling is off: enabled: false';
  const source = file.commit ? `rules of ${file.commit.slice(0, 7)}` : 'rules in';
  return paragraphs(
    `${waitsHead(waits)}, ${machinesHead(rows).toLowerCase()} ${isOn} · ${source} ${file.url}`,
    rules(state),
    waitsText(waits),
    machines(rows),
    `${cost(state)} ${monthLine(state.month)}`,
    calls ? `${calls.used} of ${calls.limit} calls to GitHub used in this hour.` : '',
    callsLine(spent),
  );
}

function waitsText(waits: readonly WaitRow[]): string {
  const body = waits.map(({ job, since, labels, reason }) => [
    visible(shorten(job.name, 60)),
    isoOf(since).slice(0, 19).replace('T', ' '),
    visible(shorten(labels.join(' '), 60)),
    visible(reason),
  ]);
  return body.length === 0 ? '' : table(['WAITING', 'SINCE (UTC)', 'WANTS', 'REASON'], body);
}

function machines(rows: readonly MachineRow[]): string {
  const body = rows.map((one) => [
    ...[one.id, `${one.type} ${one.zone}`, one.state],
    one.job ? visible(shorten(one.job.name, 60)) : '–',
    span(one.upMs),
    usd(one.usd),
  ]);
  return body.length === 0 ? '' : table(['MACHINE', 'TYPE', 'STATE', 'JOB', 'UP', 'COST'], body);
}

function told({ job, state, text, waitedMs, ranMs, machine }: Told): string {
  const ran = ranMs === null ? '' : ` after ${span(ranMs)}, having waited ${span(waitedMs ?? 0)}`;
  const why = text === '' ? '' : ` ${visible(text)}`;
  const on = machine
    ? ` On ${machine.id} (${machine.type} ${machine.market}, ${machine.zone}), ${usd(machine.usd)}.`
    : '';
  return `${visible(shorten(job.name, 100))} ${state}${ran}.${why}${on}\n${job.url}`;
}

function foreseen({ labels, isServed, text }: Of<'foreseen'>): string {
  const would = isServed ? 'would get a machine now' : 'would wait';
  return paragraphs(`A job that asks for ${visible(labels.join(' '))} ${would}.\n${visible(text)}`);
}

function fileProblems({ problems, url }: Of<'file-problems'>): string {
  return paragraphs(
    '.github/dstack.yml has errors, so it was not edited. Nothing was changed.',
    problems
      .map(({ line, column, message }) => `  line ${line}:${column}: ${visible(message)}`)
      .join('\n'),
    url,
  );
}

/** Columns two spaces apart, without a border; the last one is as long as it is. */
function table(head: readonly string[], body: readonly (readonly string[])[]): string {
  const all = [head, ...body];
  const widths = head.map((_, at) => Math.max(...all.map((row) => (row[at] ?? '').length)));
  return all
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
