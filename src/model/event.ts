import type { Instant } from '../lib/clock.ts';
import type { InstallationId, OwnerId, RepoId } from './ids.ts';
import type { JobReport } from './job.ts';
import type { RepoFacts } from './repo.ts';

/** What a webhook means to us: the payload's few facts, and nothing decided. */
export type Event =
  | { readonly kind: 'job'; readonly job: JobReport; readonly repo: RepoFacts }
  | {
      readonly kind: 'push';
      readonly repo: RepoFacts;
      readonly branch: string;
      /** The commit that the branch now names; null when the branch was deleted. */
      readonly commit: string | null;
    }
  | {
      readonly kind: 'repository';
      readonly action: 'renamed' | 'transferred' | 'deleted' | 'edited';
      readonly repo: RepoFacts;
    }
  | { readonly kind: 'comment'; readonly repo: RepoFacts; readonly comment: Comment }
  | {
      readonly kind: 'pull';
      readonly repo: RepoFacts;
      readonly number: number;
      /** It was merged, or closed without that. */
      readonly isMerged: boolean;
    }
  | {
      /** A pull request towards the default branch has a new head. */
      readonly kind: 'proposal';
      readonly repo: RepoFacts;
      readonly number: number;
      readonly sha: string;
      /** Whoever wrote it may not write to this repository. */
      readonly isFork: boolean;
    }
  | {
      readonly kind: 'installation';
      readonly action: 'added' | 'removed';
      readonly installation: InstallationId;
      readonly ownerId: OwnerId;
      /** null: every repository of the owner. */
      readonly repos: readonly RepoId[] | null;
    };

/** A new comment with a line that begins with our command's name. */
export interface Comment {
  readonly id: number;
  /** The issue's or pull request's number. */
  readonly issue: number;
  readonly body: string;
  readonly url: string;
  /** Who sent it: the webhook's sender, whom GitHub vouches for. */
  readonly login: string;
  readonly createdAt: Instant;
}

/** One webhook, written down: GitHub's delivery id is the same when it delivers again. */
export interface Delivery {
  readonly id: string;
  readonly at: Instant;
  readonly event: Event;
}
