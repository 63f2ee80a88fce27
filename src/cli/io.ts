import type { Readable, Writable } from 'node:stream';

/** What makes the policy narrower, or wider. */
export interface PolicyAsk {
  readonly region: string;
  readonly account: string;
  readonly onDemand: boolean;
  readonly bucket?: string;
}

/** What a run of the command line touches, handed in: a process, or a test. */
export interface Io {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Whether a person types, so that a secret must not be shown. */
  readonly isTty: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `fetch`. */
  readonly request: typeof globalThis.fetch;
  /** The address of the git remote of this folder; undefined where there is none. */
  readonly gitRemote: () => Promise<string | undefined>;
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
  io.stderr.write(`error: ${what}\n${tries === undefined ? '' : `  try: ${tries}\n`}`);
  return exit;
}

export const isTrouble = (value: object): value is Trouble => 'exit' in value && 'what' in value;
