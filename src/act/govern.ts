import type { Accounts } from '../accounts/port.ts';
import type { RepoId, RuleId, ScopeId } from '../model/ids.ts';
import { isOwnerScope, ownerScope, repoScope } from '../model/ids.ts';
import type { Reason } from '../model/job.ts';
import { fileScope, isHome, type Repo } from '../model/repo.ts';
import type { RulesFile } from '../model/rules.ts';
import { narrow, type OwnRules } from '../rules/narrow.ts';
import type { Fact, RulesRecord, ScopeRows } from '../store/port.ts';
import { holdsKey, parseHolds, underHolds } from './holds.ts';
import type { RulesNow, RulesOf } from './read-rules.ts';

// Which file governs whom. The file in an owner's `.github` repository governs all repositories of
// theirs that have none, and those that have one as well, which then only narrows it, unless it says
// `own-rules: allow`. Else a repository's own file governs it.

/** The files as they are read, before anything is decided. */
export interface Files {
  /** The owner's; `file` null: there is none. */
  readonly owner: RulesNow;
  readonly ownOf: (repo: Pick<Repo, 'id'>) => RulesNow;
  /** Any other that is kept. */
  readonly read: (record: RulesRecord | null) => RulesNow;
}

const NO_HOME: RulesNow = { file: null, isKnown: true, reason: null };
export function filesOf(
  rows: ScopeRows,
  { rulesOf, region }: { readonly rulesOf: RulesOf; readonly region: string | null },
): Files {
  return {
    owner: rows.home ? rulesOf(rows.ownerRules, region) : NO_HOME,
    ownOf: ({ id }) => rulesOf(rows.own.get(repoScope(id)) ?? null, region),
    read: (record) => rulesOf(record, region),
  };
}

/** Whose rules are for a repository; null: not known yet, so all stays as it is. */
export function governs(repo: Repo, { owner, ownOf }: Files): ScopeId | null {
  const theirs = ownerScope(repo.ownerId);
  if (isHome(repo)) return theirs;
  // It was given to another owner, whose file is looked for from there.
  if (isOwnerScope(repo.scope) && repo.scope !== theirs) return repoScope(repo.id);
  if (!owner.isKnown) return null;
  if (!owner.file) return repoScope(repo.id);
  if (owner.file.ownRules === 'within') return theirs;
  const own = ownOf(repo);
  // A file that was never good is a file all the same.
  if (!own.isKnown) return own.reason?.code === 'rules-unread' ? null : repoScope(repo.id);
  return own.file ? repoScope(repo.id) : theirs;
}

/** A repository's own file where the owner's governs. `rules` null: it is there and not readable yet. */
export interface Own {
  readonly rules: OwnRules | null;
  readonly reason: Reason | null;
}

/** What is in force for a scope. */
export interface Governed {
  readonly now: RulesNow;
  /** Of repositories with jobs or machines: what their own files leave of it. */
  readonly own: ReadonlyMap<RepoId, Own>;
}

/**
 * Those that something is to be decided for: the others' files change nothing now. One that lost a
 * machine may have nothing else, and gets one for the job that is run again.
 */
export function busyRepos(
  { repos, jobs, instances }: ScopeRows,
  lost: readonly { readonly repo: RepoId }[] = [],
): readonly Repo[] {
  const busy = new Set<RepoId>(lost.map(({ repo }) => repo));
  for (const { repo } of jobs) busy.add(repo);
  for (const { repo } of instances) busy.add(repo);
  return repos.filter(({ id }) => busy.has(id));
}

/**
 * Nothing starts by a repository's own file before it is known what its owner's says of it: that one
 * may allow less, also where it cannot be read. What runs goes on.
 */
export function unknownOwners({ scope, home }: ScopeRows, { owner }: Files): RulesNow | undefined {
  if (isOwnerScope(scope) || home === null || owner.isKnown) return undefined;
  const name = `${home.owner}/${home.name}`;
  const code = owner.reason?.code ?? 'rules-unread';
  const text =
    code === 'rules-unread'
      ? `The owner's rules, of ${name}, were not read yet; they are asked for at every tick.`
      : `The owner's rules, of ${name}, are not known, and nothing starts here until they are: ${owner.reason?.text}`;
  return { file: null, isKnown: false, reason: { code, text } };
}

/** What has to be known of the store besides the rows. */
export const holdKeysOf = (scope: ScopeId, busy: readonly Repo[]): readonly string[] =>
  [scope, ...busy.map(fileScope)].map(holdsKey);

export function governedBy(
  rows: ScopeRows,
  files: Files,
  { facts, busy }: { readonly facts: ReadonlyMap<string, Fact>; readonly busy: readonly Repo[] },
): Governed {
  const holdsIn = (scope: ScopeId) => parseHolds(facts.get(holdsKey(scope)));
  const isOwners = isOwnerScope(rows.scope);
  const [repo] = rows.repos;
  const written = isOwners ? files.owner : repo ? files.ownOf(repo) : NO_HOME;
  const file = written.file && underHolds(written.file, holdsIn(rows.scope));
  const now = { ...written, file };
  const own = new Map<RepoId, Own>();
  if (!isOwners || !file) return { now, own };
  for (const one of busy) {
    if (isHome(one)) continue;
    const its = ownOf(file, { its: files.ownOf(one), holds: holdsIn(repoScope(one.id)) });
    if (its) own.set(one.id, its);
  }
  return { now, own };
}

function ownOf(
  owner: RulesFile,
  { its, holds }: { readonly its: RulesNow; readonly holds: ReturnType<typeof parseHolds> },
): Own | undefined {
  if (!its.isKnown) return { rules: null, reason: its.reason };
  // What restricts a repository that has no file holds before its file is made.
  if (!its.file && holds.length === 0) return undefined;
  return { rules: narrow(owner, underHolds(its.file ?? owner, holds)), reason: null };
}

/** For whom an account is looked for: by an owner's rules all machines are in one account. */
export const askingOf = ({ scope, home }: ScopeRows, repo: Repo): Repo =>
  isOwnerScope(scope) ? { ...(home ?? repo), scope } : repo;

/** Whose AWS account it is; the owner's serves all of theirs where the owner has a file of rules. */
export const accountOf = (
  accounts: Pick<Accounts, 'accountFor'>,
  rows: ScopeRows,
  repo: Repo,
): ReturnType<Accounts['accountFor']> =>
  accounts.accountFor(askingOf(rows, repo), {
    isUnderOwnersFile: rows.home !== null && rows.ownerRules?.text != null,
  });

/** Which file a record is of, as it stands in the rows. */
export const recordOf = (rows: ScopeRows, repo: Repo): RulesRecord | null =>
  isHome(repo) ? rows.ownerRules : (rows.own.get(repoScope(repo.id)) ?? null);

export const maximaIn = (file: RulesFile | null): ReadonlyMap<RuleId, number> =>
  new Map(file?.enabled ? file.rules.map(({ id, max }) => [id, max]) : []);

/** The most that each rule allows where a repository would go. */
export function maximaOf(repo: Repo, to: ScopeId, files: Files): ReadonlyMap<RuleId, number> {
  // What runs in an account of another owner ends there.
  if (isOwnerScope(repo.scope) && repo.scope !== ownerScope(repo.ownerId)) return new Map();
  const { file } = isOwnerScope(to) ? files.owner : files.ownOf(repo);
  return maximaIn(file);
}
