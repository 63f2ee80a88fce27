import {
  type Document,
  type ErrorCode,
  isAlias,
  isScalar,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from 'yaml';
import type { RulesPlace, RulesProblem, RulesProblemKind } from '../model/rules.ts';

/** A file of rules has a few hundred bytes; this bounds what a hostile one can cost. */
export const MAX_BYTES = 64 * 1024;
/** As many annotations as GitHub takes in one call for a check run. */
export const MAX_PROBLEMS = 50;
/** Each alias is looked up by a walk through the document. */
const MAX_ALIASES = 100;
const MAX_SHOWN = 40;
const MAX_MESSAGE = 300;

/** Offsets into the text; the end is the offset after the last character. */
export type Span = readonly [start: number, end: number];

/** The text with its YAML, and where its problems are collected. */
export interface Source {
  /** The document's content; undefined when the text is empty or is not YAML. */
  readonly root: Node | undefined;
  readonly problems: readonly RulesProblem[];
  readonly warnings: readonly RulesProblem[];
  report(kind: RulesProblemKind, span: Span, message: string): void;
  warn(kind: RulesProblemKind, span: Span, message: string): void;
  /** Where a span begins, and where it ends on that line. */
  place(span: Span): RulesPlace;
  isFull(): boolean;
  /** What an alias stands for; undefined, and reported, when there is no such anchor. */
  follow(node: Node): Node | undefined;
  /** A node as a message quotes it. */
  shown(node: Node): string;
}

export function openSource(text: string): Source {
  const bytes = Buffer.byteLength(text);
  const isTooLarge = bytes > MAX_BYTES;
  const lines = new LineCounter();
  const document = isTooLarge ? undefined : parseYaml(text, { lines });
  const problems: RulesProblem[] = [];
  const warnings: RulesProblem[] = [];
  const at = (kind: RulesProblemKind, span: Span, message: string): RulesProblem => ({
    kind,
    ...place(text, lines, span),
    message: oneLine(message, MAX_MESSAGE),
  });
  const source: Source = {
    root: document?.contents ?? undefined,
    problems,
    warnings,
    report: (kind, span, message) => add(problems, at(kind, span, message)),
    warn: (kind, span, message) => add(warnings, at(kind, span, message)),
    place: (span) => place(text, lines, span),
    isFull: () => problems.length >= MAX_PROBLEMS,
    follow: (node) => {
      if (!isAlias(node) || document === undefined) return node;
      const target = node.resolve(document);
      if (target === undefined) {
        source.report('syntax', spanOf(node), `no anchor &${node.source} comes before this alias`);
      }
      return target;
    },
    shown: (node) => oneLine(text.slice(...spanOf(node)), MAX_SHOWN),
  };
  if (isTooLarge) {
    const message = `the file has ${bytes} bytes; at most ${MAX_BYTES} are read`;
    source.report('too-large', [0, 0], message);
  }
  if (document !== undefined) reportSyntax(document, source);
  return source;
}

/** Not twice: a node is read as often as aliases stand for it. */
function add(list: RulesProblem[], problem: RulesProblem): void {
  const isKnown = list.some(
    ({ line, column, message }) =>
      line === problem.line && column === problem.column && message === problem.message,
  );
  if (!isKnown && list.length < MAX_PROBLEMS) list.push(problem);
}

/** Where the library's own words speak to a programmer, not to the file's author. */
const WORDING: Readonly<Partial<Record<ErrorCode, string>>> = {
  RESOURCE_EXHAUSTION: 'nested too deeply',
  NON_STRING_KEY: 'a key must be a plain word',
  MULTIPLE_DOCS: 'a second document begins here; the file holds one',
};

/** Anything that YAML itself objects to. The first only: what follows it is mostly its echo. */
function reportSyntax(document: Document, source: Source): void {
  const [first] = [...document.errors, ...document.warnings].sort((a, b) => a.pos[0] - b.pos[0]);
  if (first !== undefined) {
    source.report('syntax', first.pos, WORDING[first.code] ?? first.message);
    return;
  }
  let aliases = 0;
  visit(document, {
    Alias: (_, alias) => {
      aliases++;
      if (aliases <= MAX_ALIASES) return undefined;
      source.report('syntax', spanOf(alias), `more than ${MAX_ALIASES} aliases in one file`);
      return visit.BREAK;
    },
  });
}

/** `tokens` keeps, for an edit in place, where each dash, colon and comma stands. */
export function parseYaml(text: string, options: { lines?: LineCounter; tokens?: boolean }) {
  const { lines, tokens = false } = options;
  return parseDocument(text, {
    ...(lines && { lineCounter: lines }),
    keepSourceTokens: tokens,
    // Fixed, so that a %YAML 1.1 directive cannot turn `no` into false or add merge keys.
    schema: 'core',
    resolveKnownTags: false,
    stringKeys: true,
    // Compares each key with each other: minutes for a hostile file. The mapping reader does it.
    uniqueKeys: false,
    prettyErrors: false,
    // Not 'silent': that also hides that there is a second document.
    logLevel: 'error',
  });
}

export function spanOf(node: Node): Span {
  return [node.range?.[0] ?? 0, node.range?.[1] ?? 0];
}

/** A scalar's value; undefined for a mapping or a list. */
export function scalarOf(node: Node): unknown {
  return isScalar(node) ? node.value : undefined;
}

export function place(text: string, lines: LineCounter, [start, end]: Span): RulesPlace {
  const { line, col } = lines.linePos(start);
  if (line === 0) return { line: 1, column: 1, endColumn: 2 };
  const lineEnd = text.slice(start, end).search(/[\r\n]/);
  const length = lineEnd === -1 ? end - start : lineEnd;
  return { line, column: col, endColumn: col + Math.max(1, length) };
}

function oneLine(text: string, max: number): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > max ? `${line.slice(0, max - 1)}…` : line;
}
