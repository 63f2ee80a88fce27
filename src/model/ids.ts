// model: the nouns of the field, their ids and their states; no I/O, imports lib at most.
//
// scope     the repository or organization whose rules file governs, `repo-<GitHub id>` or `owner-<GitHub id>`
// rule      at most `max` live instances of one instance type in one region, in a scope
// live      pending or running as EC2 says, or an intent whose outcome is not known
// job       a GitHub workflow job; demand is the queued jobs left over when jobs are matched to runners
// offer     a rule made concrete: region, zone, type, market, price now, and whether it is exhausted
// launch    one intent to start equal instances with one call; instance: one EC2 machine of ours
// runner    the GitHub runner that an instance registered; reason: one sentence for an action or a wait

/** A number or string that does not mix with another kind of the same type, and needs no cast. */
type Flavor<T, Name> = T & { readonly kind?: Name };

export type JobId = Flavor<number, 'job'>;
export type RunId = Flavor<number, 'run'>;
export type RunnerId = Flavor<number, 'runner'>;
export type RepoId = Flavor<number, 'repo'>;
export type OwnerId = Flavor<number, 'owner'>;
export type InstallationId = Flavor<number, 'installation'>;

/** The number ranges of repositories and owners overlap, so the prefix is part of the id. */
export type ScopeId = `repo-${number}` | `owner-${number}`;

/** `<instance type>/<region>`: one rule each in a scope. */
export type RuleId = Flavor<string, 'rule'>;
export type LaunchId = Flavor<string, 'launch'>;
/** EC2's own: `i-…`. */
export type InstanceId = Flavor<string, 'instance'>;
/** Ours, there before EC2 gives its id: `<launch>.<index>`. */
export type InstanceKey = Flavor<string, 'instance-key'>;

export const repoScope = (repo: RepoId): ScopeId => `repo-${Number(repo)}`;
export const ownerScope = (owner: OwnerId): ScopeId => `owner-${Number(owner)}`;

/** The number in it: a repository's id, or an owner's. */
export const idInScope = (scope: ScopeId): number => Number(scope.slice(scope.indexOf('-') + 1));
export const isOwnerScope = (scope: ScopeId): boolean => scope.startsWith('owner-');

const SCOPE = /^(repo|owner)-[1-9]\d{0,15}$/;

/** A scope id as it comes back from a tag or a path; undefined when it is none. */
export function parseScopeId(text: string): ScopeId | undefined {
  return SCOPE.test(text) ? (text as ScopeId) : undefined;
}
