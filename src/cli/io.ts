import type { Readable, Writable } from 'node:stream';
import { styleText } from 'node:util';
import type { Clock } from '../lib/clock.ts';

/** What makes the policy narrower, or wider. */
export interface PolicyAsk {
  readonly region: string;
  readonly account: string;
  readonly onDemand: boolean;
  readonly bucket?: string;
}

export interface Files {
  /** undefined: there is none. */
  read(path: string): string | undefined;
  /** Folders are made; a secret is for the owner alone. */
  write(path: string, text: string, of?: { readonly isSecret: boolean }): void;
  /** Names in a folder; none where there is no such folder. */
  list(path: string): readonly string[];
}

/** What a run of the command line touches, handed in: a process, or a test. */
export interface Io {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Whether a person types, so that a secret must not be shown. */
  readonly isTty: boolean;
  /** Whether a person looks: for colours, and for a line that moves. */
  readonly isSeen: { readonly stdout: boolean; readonly stderr: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly files: Files;
  /** `fetch`. */
  readonly request: typeof globalThis.fetch;
  /** What git says of this folder; undefined where it refuses, or is not there. */
  readonly git: (...words: readonly string[]) => Promise<string | undefined>;
  /** The address of the git remote of this folder; undefined where there is none. */
  readonly gitRemote: () => Promise<string | undefined>;
  /** The token of the GitHub command line for that host; undefined where it has none. */
  readonly ghToken: (host: string) => Promise<string | undefined>;
  /** The IAM policy, as text; loads what makes it. */
  readonly policy: (ask: PolicyAsk) => Promise<string>;
}

/** Done · refused or failed · not understood · not signed in · Ctrl-C. */
export const EXIT = { done: 0, failed: 1, usage: 2, signIn: 4, cancelled: 130 } as const;

/** One thing that went wrong: what, and what to try; for standard error. */
export interface Trouble {
  readonly exit: number;
  readonly what: string;
  readonly tries?: string;
}

export function tell(io: Io, { exit, what, tries }: Trouble): number {
  const word = paint(io, 'stderr', { style: ['bold', 'red'], text: 'error:' });
  io.stderr.write(`${word} ${what}\n${tries === undefined ? '' : `  try: ${tries}\n`}`);
  return exit;
}

/** The words of a refusal that are written elsewhere, with the first one in its colour. */
export const paintError = (io: Io, text: string): string =>
  text.replace(/^error:/, (word) => paint(io, 'stderr', { style: ['bold', 'red'], text: word }));

export const isTrouble = (value: object): value is Trouble => 'exit' in value && 'what' in value;

type Style = Parameters<typeof styleText>[0];

/** Only for a person, and not for one who said NO_COLOR. */
export function paint(
  { isSeen, env }: Pick<Io, 'isSeen' | 'env'>,
  stream: 'stdout' | 'stderr',
  { style, text }: { readonly style: Style; readonly text: string },
): string {
  const isWanted = env['FORCE_COLOR'] ? env['FORCE_COLOR'] !== '0' : isSeen[stream];
  return isWanted && !env['NO_COLOR'] ? styleText(style, text, { validateStream: false }) : text;
}
