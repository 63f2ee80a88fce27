import type { JobId } from './ids.ts';
import type { SpotPolicy } from './rules.ts';

/** What a person asks for in one line, the same from every door. What is not given is absent. */
export type Command =
  | {
      readonly name: 'autoscale allow';
      readonly type: string;
      /** 0 removes the rule. */
      readonly max: number;
      readonly region?: string;
      readonly spotPolicy?: SpotPolicy;
      readonly maxPriceUsd?: number;
    }
  | { readonly name: 'autoscale info' }
  | { readonly name: 'autoscale clear' }
  | { readonly name: 'autoscale disable' }
  | { readonly name: 'autoscale enable' }
  | {
      readonly name: 'autoscale explain';
      readonly job?: JobId;
      /** Of a job that is not there yet; the job is not named then. */
      readonly runsOn?: readonly string[];
    }
  | { readonly name: 'runners' }
  | { readonly name: 'aws info' }
  | {
      readonly name: 'aws configure';
      readonly accessKeyId?: string;
      readonly roleArn?: string;
      readonly region?: string;
      readonly bucket?: string;
    }
  | { readonly name: 'aws clear'; readonly force?: true }
  | { readonly name: 'help'; readonly topic?: HelpTopic };

export type CommandName =
  | 'autoscale allow'
  | 'autoscale info'
  | 'autoscale clear'
  | 'autoscale disable'
  | 'autoscale enable'
  | 'autoscale explain'
  | 'runners'
  | 'aws info'
  | 'aws configure'
  | 'aws clear'
  | 'help';

/** Commands whose names begin with one word. */
export type CommandGroup = 'autoscale' | 'aws';
export type HelpTopic = CommandName | CommandGroup;

/** Where a command comes in. */
export type Door = 'comment' | 'cli' | 'action' | 'http';

/** Why a line is no command, as data; each door prints it in its own way. */
export interface CommandError {
  /** A sentence; it may hold words of the line as they were written. */
  readonly what: string;
  /** As it was written, cut where it is too long. */
  readonly line: string;
  /** The spot in the line: offsets in UTF-16 units, the end after the last one. */
  readonly at: readonly [start: number, end: number];
  /** The word that was probably meant in its place. */
  readonly nearest?: string;
  /** A whole line that works, without the program's name. */
  readonly example: string;
  /** What to ask help about. */
  readonly topic?: HelpTopic;
  /** Whether to say that nothing was changed: a command that only reads need not. */
  readonly nothingChanged: boolean;
}
