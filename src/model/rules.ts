import type { RuleId } from './ids.ts';

export const SPOT_POLICIES = ['spot', 'on-demand', 'auto'] as const;
export type SpotPolicy = (typeof SPOT_POLICIES)[number];

/** More machines of one type than a rule ever needs; a typo in `max` is the costliest one. */
export const MAX_INSTANCES = 1000;
/** Of any amount of dollars in the file or in a command. */
export const MAX_USD = 1_000_000;

/** At most `max` live instances of one type in one region; every default of the file is applied. */
export interface Rule {
  readonly id: RuleId;
  readonly type: string;
  readonly region: string;
  readonly max: number;
  readonly spotPolicy: SpotPolicy;
  /** $/hour; null: any price. */
  readonly maxPriceUsd: number | null;
  /** Null: 30 GB, or the image's size if that is larger. */
  readonly diskGb: number | null;
  /** Empty: those of the default VPC. */
  readonly subnets: readonly string[];
  /** Empty: one without ingress, made once. */
  readonly securityGroups: readonly string[];
  /** Further labels that the rule serves. */
  readonly labels: readonly string[];
  /** `ami-…`, `ssm:/path`, or one of the names that the rules file knows. */
  readonly image: string;
}

/** `.github/dstack.yml` with every default applied. */
export interface RulesFile {
  readonly enabled: boolean;
  /** The default for rules, as the file names it. */
  readonly region: string | null;
  readonly image: string;
  readonly forks: 'deny' | 'allow';
  readonly reuse: 'job' | 'workflow';
  readonly maxDurationMs: number;
  readonly retry: number;
  readonly onExhausted: 'wait' | 'on-demand' | 'cancel';
  readonly exhaustedAfterMs: number;
  /** $ a month for the scope; null: no limit. */
  readonly budgetUsd: number | null;
  /** An owner's file only: register at organization level in this group. */
  readonly runnerGroup: string | null;
  /** An owner's file only: whether a repository's own rules may go beyond the owner's. */
  readonly ownRules: 'within' | 'allow';
  readonly rules: readonly Rule[];
}

/** What a command asks of the file. */
export type RulesChange =
  | {
      /** Adds or replaces the rule of that type and region; what is not given keeps its value. */
      readonly kind: 'allow';
      readonly type: string;
      readonly region: string;
      /** 0 removes the rule. */
      readonly max: number;
      readonly spotPolicy?: SpotPolicy;
      readonly maxPriceUsd?: number;
    }
  | { readonly kind: 'clear' }
  | { readonly kind: 'enabled'; readonly value: boolean };

export type RulesProblemKind =
  | 'too-large'
  | 'unreadable'
  | 'syntax'
  | 'unknown-key'
  | 'duplicate-key'
  | 'missing-key'
  | 'wrong-value'
  | 'duplicate-rule'
  | 'conflict'
  | 'beyond-owner'
  | 'no-effect'
  | 'risk';

/** Where in a file: 1-based, columns in UTF-16 units. */
export interface RulesPlace {
  readonly line: number;
  readonly column: number;
  /** The column after the last one marked, on the same line. */
  readonly endColumn: number;
}

/** One mistake, or one warning, and where. */
export interface RulesProblem extends RulesPlace {
  readonly kind: RulesProblemKind;
  readonly message: string;
}

export const ruleId = (type: string, region: string): RuleId => `${type}/${region}`;
