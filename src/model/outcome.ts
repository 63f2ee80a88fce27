import type { Instant } from '../lib/clock.ts';
import type { CommandError, HelpTopic } from './command.ts';
import type { Arch, InstanceState, Machine, Market } from './launch.ts';
import type { Spending } from './meter.ts';
import type { RulesProblem } from './rules.ts';

// What a command did, or what it found, as data. Markdown, terminal and JSON are printers of it.

export interface RuleRow {
  readonly type: string;
  readonly region: string;
  readonly market: Market | 'auto';
  /** $ an hour of one machine; null: AWS does not say. */
  readonly nowUsd: number | null;
  /** The most that one machine can cost an hour. */
  readonly atMostUsd: number | null;
  readonly inUse: number;
  readonly max: number;
  /** `OK`, or why nothing comes of it now. */
  readonly status: string;
}

export interface MachineRow {
  readonly id: string;
  readonly type: string;
  readonly zone: string;
  readonly market: Market;
  readonly state: InstanceState;
  readonly reason: string;
  readonly job: JobLink | null;
  readonly upMs: number;
  readonly usd: number;
}

export interface JobLink {
  readonly id: number;
  readonly name: string;
  readonly url: string;
}

export interface WaitRow {
  readonly job: JobLink;
  readonly since: Instant;
  readonly labels: readonly string[];
  readonly code: string;
  readonly reason: string;
}

/** A machine that was ended by the command, and the job that this cut. */
export interface EndedRow {
  readonly id: string;
  readonly type: string;
  /** It had a job, which this cut. */
  readonly isCut: boolean;
  /** That job; null also where GitHub has not said yet which one the machine has. */
  readonly job: JobLink | null;
  readonly ranMs: number | null;
}

/** Where a change is. */
export interface Place {
  /**
   * `pull`: asked for, since the branch is protected · `lifted`: the file said so already, and what was
   * held against it is let go · `held`: in force, and not committed.
   */
  readonly kind: 'commit' | 'pull' | 'lifted' | 'held';
  /** The commit's sha; the number of the pull request, '' for none; why it is not committed. */
  readonly name: string;
  readonly url: string;
  readonly branch: string;
}

/** Of a scope since the first of the month, UTC. */
export interface Month {
  /** That began on its machines. */
  readonly jobs: number;
  /** Of all its machines together, those that live too. */
  readonly machineMs: number;
}

/** The rules of a repository as a person wants to see them. */
export interface RulesState {
  readonly enabled: boolean;
  readonly rows: readonly RuleRow[];
  /** A sentence for each thing that is in force and not in the file. */
  readonly held: readonly string[];
  readonly monthUsd: number;
  /** Machines of this month of which it has only disk and address: their price is not known. */
  readonly unpriced: number;
  /** For what that was spent. */
  readonly month: Month;
  /** What the month may cost; null: no limit. */
  readonly budgetUsd: number | null;
  readonly asOf: Instant;
}

/** Calls of the last hour: of the installation, and those that changed something in its account. */
export interface CallCounts {
  readonly github: Spending;
  readonly ec2Writes: number;
}

export type Outcome =
  | {
      readonly kind: 'changed';
      /** What holds now, in one sentence with the number in it. */
      readonly head: string;
      readonly state: RulesState;
      readonly ended: readonly EndedRow[];
      readonly place: Place;
      /** The line that takes it back; null where nothing does. */
      readonly undo: string | null;
      /** What could not be checked, and what else to know. */
      readonly notes: readonly string[];
    }
  | { readonly kind: 'unchanged'; readonly head: string; readonly state: RulesState }
  | {
      readonly kind: 'info';
      readonly state: RulesState;
      readonly waits: readonly WaitRow[];
      readonly machines: readonly MachineRow[];
      readonly rules: { readonly commit: string | null; readonly url: string };
      /** Calls to GitHub in this hour; null: it did not say yet. */
      readonly calls: { readonly used: number; readonly limit: number } | null;
      /** null: nobody counts them. */
      readonly spent: CallCounts | null;
    }
  | { readonly kind: 'runners'; readonly machines: readonly MachineRow[]; readonly asOf: Instant }
  | { readonly kind: 'explain'; readonly told: readonly Told[] }
  | ({ readonly kind: 'foreseen' } & Foreseen)
  | { readonly kind: 'help'; readonly topic?: HelpTopic }
  | {
      readonly kind: 'refused';
      /** What was asked, what it needs, what the person has, who can do it; a sentence or two. */
      readonly text: string;
      readonly hint?: string;
      /** Who asks may not; others may. */
      readonly isForbidden?: true;
      /** Where it can be changed; made by us. */
      readonly url?: string;
    }
  | {
      readonly kind: 'file-problems';
      readonly problems: readonly RulesProblem[];
      readonly url: string;
    }
  | { readonly kind: 'error'; readonly error: CommandError };

/** One job, explained: why it waits, or what ran it, how long, and what that cost. */
export interface Told {
  readonly job: JobLink;
  readonly state: string;
  readonly text: string;
  /** From when it was queued until it began; null: it did not. */
  readonly waitedMs: number | null;
  /** How long it has run, or ran; null: it did not. */
  readonly ranMs: number | null;
  readonly machine: RanOn | null;
}

/** The machine of a job, with what it takes to compare it with others. */
export interface RanOn extends MachineRow {
  /** $ an hour, as it was launched; null: AWS did not say. */
  readonly priceUsd: number | null;
  /** null: AWS does not say what this type has. */
  readonly shape: (Machine & { readonly arch: Arch }) | null;
}

/** What would become of a job that asks for these labels now. */
export interface Foreseen {
  readonly labels: readonly string[];
  /** A machine would be there for it as fast as it starts. */
  readonly isServed: boolean;
  readonly code: string;
  readonly text: string;
}

/** It did what was asked, or said what was asked for. */
export const isGood = (outcome: Outcome): boolean => {
  const { kind } = outcome;
  if (kind === 'changed') return outcome.place.kind !== 'held';
  return kind !== 'refused' && kind !== 'error' && kind !== 'file-problems';
};
