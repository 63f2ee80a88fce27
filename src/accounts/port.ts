import type { Ec2 } from '../ec2/port.ts';
import type { RepoId, ScopeId } from '../model/ids.ts';
import type { Reason } from '../model/job.ts';
import type { Reply } from '../model/reply.ts';
import type { Repo } from '../model/repo.ts';

// accounts: whose AWS credentials launch for whom, and how they are given to us. Called by act and
// reconcile; the doors for people call `AccountDesk`. It promises that credentials serve only the
// scope and the AWS account that they name, and that an account can be read while a machine lives there.

/** Whom an account is looked for: a repository as the store knows it. */
export type Asking = Pick<Repo, 'id' | 'ownerId' | 'scope'>;

export interface Served {
  /** The key of rows: `repo-<id>` or `owner-<id>` whose credentials they are, or `default`. */
  readonly account: string;
  /** Where rules without a region launch, as it was configured; null: the app's own default. */
  readonly region: string | null;
}

export interface Accounts {
  /**
   * The account that serves a repository, or why there is none now. The owner's serves all of theirs
   * where the owner's rules file is in force (that is what the scope says, unless `isUnderOwnersFile`
   * does), else those that were named when it was configured.
   */
  accountFor(
    repo: Asking,
    of?: { readonly isUnderOwnersFile: boolean },
  ): Promise<Served | { readonly reason: Reason }>;
  /** EC2 with that account's credentials. */
  ec2(account: string, region: string): Ec2;
}

/** What signs a call to AWS. */
export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** Where credentials are kept: a text for each scope. `missing`: none · `denied`: none can be read. */
export interface Vault {
  read(scope: ScopeId): Promise<Reply<string>>;
  write(scope: ScopeId, text: string): Promise<Reply<null>>;
  /** What is not there is removed. */
  remove(scope: ScopeId): Promise<Reply<null>>;
}

/** One thing that was looked at before credentials are kept, and what mends it. */
export interface Check {
  readonly name:
    | 'identity'
    | 'external id'
    | 'region'
    | 'launch'
    | 'spot role'
    | 'quota'
    | 'bucket';
  readonly ok: boolean;
  readonly text: string;
  readonly fix?: string;
}

/** What is shown of an account; secrets are masked. */
export interface AccountView {
  readonly scope: ScopeId;
  readonly awsAccount: string;
  /** `AKIA************WXYZ`, or null where a role is assumed. */
  readonly accessKeyId: string | null;
  readonly roleArn: string | null;
  readonly region: string | null;
  readonly bucket: string | null;
  /** Of an owner's account: whom it serves where the owner has no rules file. */
  readonly repositories: readonly RepoId[];
  /** null: it works; else why it does not. */
  readonly problem: string | null;
}

export interface Described {
  readonly account: AccountView | null;
  /** Something is kept, or may be, and cannot be read: why. */
  readonly problem: string | null;
  /** For the trust policy of a role; ours, the same whenever the same owner asks for it. */
  readonly externalId: string;
  /** Who would assume the role; null where the app finds no credentials of its own. */
  readonly principal: string | null;
}

export type Configured =
  | { readonly ok: true; readonly account: AccountView; readonly checks: readonly Check[] }
  | {
      readonly ok: false;
      /** `shape`: not accepted as written · `checks`: AWS objects · `busy`: machines run · `vault` */
      readonly code: 'shape' | 'checks' | 'busy' | 'vault';
      readonly message: string;
      readonly checks: readonly Check[];
    };

export type Cleared =
  | { readonly ok: true; readonly ended: number }
  | {
      readonly ok: false;
      readonly code: 'none' | 'busy' | 'ending' | 'vault';
      readonly message: string;
      readonly ended: number;
    };

export type TornDown =
  /** What was deleted, and in which region. */
  | { readonly ok: true; readonly region: string; readonly groups: readonly string[] }
  | {
      readonly ok: false;
      /** `shape`: no region · `busy`: machines run, or AWS objects. */
      readonly code: 'shape' | 'none' | 'busy';
      readonly message: string;
    };

/** What people do with accounts, once it is known that they may. */
export interface AccountDesk {
  describe(scope: ScopeId): Promise<Described>;
  /** Checks against AWS, and keeps only what stood all checks. */
  configure(scope: ScopeId, body: object): Promise<Configured>;
  /** Deletes what we made in the account besides machines; refuses while machines run. */
  teardown(scope: ScopeId, region: string | null): Promise<TornDown>;
  /** Refuses while machines run; `force` ends them first. */
  clear(scope: ScopeId, of: { readonly force: boolean }): Promise<Cleared>;
}
