import type { Instant } from '../lib/clock.ts';
import { isOwnerScope, type RepoId, type ScopeId } from '../model/ids.ts';
import type { Reason } from '../model/job.ts';
import { fileOwner, fileScope, isHome, type Repo } from '../model/repo.ts';
import type { RulesFile } from '../model/rules.ts';
import { type ParseOptions, parseRules } from '../rules/parse.ts';
import type { Lease, RulesRecord, ScopeRows } from '../store/port.ts';
import type { RegionOf } from './default-region.ts';
import type { ActDeps } from './deps.ts';
import { askingOf, busyRepos, recordOf } from './govern.ts';
import { noteNews } from './rules-news.ts';
import { unreadable } from './unreadable.ts';

export const RULES_PATH = '.github/dstack.yml';

/** Rules as they are in force. `file` null: there are none, or they are not known yet. */
export interface RulesNow {
  readonly file: RulesFile | null;
  /** false: not read yet, so nothing may be concluded from their absence. */
  readonly isKnown: boolean;
  readonly reason: Reason | null;
}

type Need = Pick<ActDeps, 'store' | 'github' | 'accounts' | 'clock' | 'log' | 'settings'> & {
  readonly regionOf: RegionOf;
};

/** Files that one tick reads: an owner may have thousands of repositories, and each may be pushed to. */
const MOST_READS = 10;

/**
 * Reads the files where a push or nothing at all makes that necessary, and puts what came of it in
 * the rows; those of repositories with work come first.
 */
export async function readRules(deps: Need, lease: Lease, rows: ScopeRows): Promise<ReadRules> {
  const due = rows.repos.filter((repo) => {
    if (repo.removedAt !== null) return false;
    const record = recordOf(rows, repo);
    return !record || record.wantedCommit !== null;
  });
  const busy = new Set(busyRepos(rows).map(({ id }) => id));
  const first = due.toSorted((a, b) => rankOf(a, busy) - rankOf(b, busy));
  const repos: Repo[] = [];
  for (const repo of first.slice(0, MOST_READS)) {
    if (await mayAsk(deps, rows, repo)) repos.push(repo);
  }
  return readEach(deps, lease, { rows, repos });
}

/** A fact: GitHub did not say what this file is, at the commit that is its value. */
const unreadKey = (repo: Repo): string => `rules-unread:${fileScope(repo)}`;
const wantedOf = (rows: ScopeRows, repo: Repo): string => recordOf(rows, repo)?.wantedCommit ?? '';

/** Each event of a busy scope would ask again: what was not told is asked for six times in R. */
async function mayAsk({ store, clock, settings }: Need, rows: ScopeRows, repo: Repo) {
  const last = await store.fact(unreadKey(repo));
  const isSame = last?.value === wantedOf(rows, repo);
  return !isSame || clock.now() - last.at >= settings.resyncMs / 6;
}

const rankOf = (repo: Repo, busy: ReadonlySet<RepoId>): number =>
  isHome(repo) ? 0 : busy.has(repo.id) ? 1 : 2;

/** The rows as they are now, and whose files changed. */
export interface ReadRules {
  readonly rows: ScopeRows;
  readonly changed: readonly ScopeId[];
  /** A commit that was wanted of the scope's own file was read. */
  readonly isPushed: boolean;
}

/** In R: how long a file that was not there is not looked for again where the owner has one. */
const MISSED_FOR = 60;

/** For a push that no webhook told of, or one that an older push overtook: did the rules change? */
export async function sweepRules(
  deps: Need,
  lease: Lease,
  of: { readonly rows: ScopeRows; readonly repos: readonly Repo[] },
): Promise<readonly ScopeId[]> {
  const before = deps.clock.now() - MISSED_FOR * deps.settings.resyncMs;
  const repos = of.repos.filter((repo) => {
    const record = recordOf(of.rows, repo);
    // Most repositories of an owner have no file, and each time to hear that is a call.
    const isRecent = record !== null && record.readAt > before;
    // A commit may be an old one, told late: the branch itself is asked after it.
    const isMissed =
      isRecent && record.text === null && record.errors === null && record.commit === null;
    return repo.removedAt === null && !(of.rows.home && !isHome(repo) && isMissed);
  });
  return (await readEach(deps, lease, { ...of, repos })).changed;
}

async function readEach(
  deps: Need,
  lease: Lease,
  { rows, repos }: { readonly rows: ScopeRows; readonly repos: readonly Repo[] },
): Promise<ReadRules> {
  let now = rows;
  const changed: ScopeId[] = [];
  let isPushed = false;
  for (const repo of repos) {
    const before = recordOf(now, repo);
    const asking = askingOf(now, repo);
    const record = await askForRules(deps, lease, { repo, rules: before, asking });
    if (record === before) {
      await deps.store.saveFact(unreadKey(repo), wantedOf(now, repo), deps.clock.now());
    }
    if (record === before || record === null) continue;
    now = withRecord(now, record);
    isPushed ||= record.scope === rows.scope && before?.wantedCommit != null;
    const isSame = record.text === before?.text && record.errors === before?.errors;
    if (!isSame || !before || before.readAt === 0) changed.push(record.scope);
  }
  return { rows: now, changed, isPushed };
}

function withRecord(rows: ScopeRows, record: RulesRecord): ScopeRows {
  const { scope } = record;
  const rules = scope === rows.scope ? record : rows.rules;
  if (isOwnerScope(scope)) return { ...rows, rules, ownerRules: record };
  return { ...rows, rules, own: new Map([...rows.own, [scope, record]]) };
}

async function askForRules(
  deps: Need,
  lease: Lease,
  of: { readonly repo: Repo; readonly rules: RulesRecord | null; readonly asking: Repo },
): Promise<RulesRecord | null> {
  const { repo, rules, asking } = of;
  const askedAt = deps.clock.now();
  const ref = rules?.wantedCommit ?? repo.defaultBranch;
  const reply = await deps.github.file(repo, RULES_PATH, ref);
  if (reply.ok) {
    await deps.store.heard(repo.id, askedAt);
    const { text } = reply.value;
    const record = await accept(deps, { repo, rules, text, askedAt, asking });
    await noteNews(deps.store, rules, { record, ref, text });
    return save(deps, lease, record);
  }
  if (reply.reason === 'invalid') {
    const problem = unreadable(reply.code);
    const kept = { text: rules?.text ?? null, commit: rules?.commit ?? null };
    const errors = JSON.stringify([problem]);
    const record = { ...emptyRecord({ repo, rules, askedAt }), ...kept, errors };
    await deps.store.heard(repo.id, askedAt);
    await noteNews(deps.store, rules, { record, ref, text: null, problem });
    return save(deps, lease, record);
  }
  if (reply.reason !== 'missing' || !(await isReallyMissing(deps, { repo, rules, askedAt }))) {
    return rules;
  }
  const record = emptyRecord({ repo, rules, askedAt });
  await noteNews(deps.store, rules, { record, ref, text: null });
  return save(deps, lease, record);
}

/** It answers the commit that was wanted, and so that one is wanted no more. */
function emptyRecord(read: {
  repo: Repo;
  rules: RulesRecord | null;
  askedAt: Instant;
}): RulesRecord {
  const commit = read.rules?.wantedCommit ?? null;
  const scope = fileScope(read.repo);
  return { scope, text: null, commit, errors: null, readAt: read.askedAt, wantedCommit: commit };
}

/** A fact: the file of this scope was there once. */
export const ruledKey = (scope: ScopeId): string => `ruled:${scope}`;

const missingKey = (repo: Repo) => `rules-missing:${fileScope(repo)}`;

/**
 * A 404 can be a lie of the moment, and no rules means that all machines end. So a file that we do
 * not know to be missing is so only when GitHub says it twice, a while apart, while the repository
 * is readable.
 */
async function isReallyMissing(
  deps: Need,
  seen: { repo: Repo; rules: RulesRecord | null; askedAt: Instant },
): Promise<boolean> {
  const { repo, rules, askedAt } = seen;
  const readable = await deps.github.repository(repo.installation, repo.id);
  if (!readable.ok) return false;
  await deps.store.heard(repo.id, askedAt);
  if (rules?.text === null && rules.readAt > 0) return true;
  const first = await deps.store.fact(missingKey(repo));
  // A good read since then takes the first word back.
  if (!first || first.at <= (rules?.readAt ?? 0)) {
    await deps.store.saveFact(missingKey(repo), '', askedAt);
    return false;
  }
  return askedAt - first.at >= deps.settings.resyncMs / 6;
}

async function accept(
  deps: Need,
  read: { repo: Repo; rules: RulesRecord | null; text: string; askedAt: Instant; asking: Repo },
): Promise<RulesRecord> {
  const { log } = deps;
  const { rules, text, asking } = read;
  const record = emptyRecord(read);
  // It was good when it came into force.
  if (text === rules?.text) return { ...record, text, commit: record.commit ?? rules.commit };
  const region = await deps.regionOf(asking, await deps.accounts.accountFor(asking));
  const parsed = parseRules(text, { ...parseOptions(region), of: fileOwner(read.repo) });
  const { commit } = record;
  if (parsed.ok) {
    const facts = { scope: record.scope, commit, rules: parsed.rules.rules.length };
    log.info(facts, 'rules read');
    if (!rules?.text) await deps.store.saveFact(ruledKey(record.scope), '', read.askedAt);
    return { ...record, text };
  }
  const errors = JSON.stringify(parsed.errors);
  if (errors !== rules?.errors) {
    const facts = { scope: record.scope, commit, errors: parsed.errors };
    log.warn(facts, 'rules refused; the last stay');
  }
  return { ...record, text: rules?.text ?? null, commit: rules?.commit ?? null, errors };
}

async function save(deps: Need, lease: Lease, record: RulesRecord): Promise<RulesRecord | null> {
  return (await deps.store.saveRules(lease, record)) ? record : null;
}

export const parseOptions = (defaultRegion: string | null): ParseOptions =>
  defaultRegion ? { defaultRegion } : {};

/** A record as rules, where rules that name no region are in this one. */
export type RulesOf = (record: RulesRecord | null, region: string | null) => RulesNow;

/** Scopes at work at the same time; each has a text of its own at most. */
const MOST_REMEMBERED = 1_000;

/** Remembers what it made of a record's texts: every tick asks, and a file seldom changes. */
export function createRulesOf(): RulesOf {
  const known = new Map<string, RulesNow>();
  return (record, region) => {
    if (!record || record.readAt === 0) return rulesOf(record, region);
    const key = JSON.stringify([record.text, record.errors !== null, region]);
    const before = known.get(key);
    if (before) return before;
    const made = rulesOf(record, region);
    if (known.size >= MOST_REMEMBERED) known.clear();
    known.set(key, made);
    return made;
  };
}

/** The text was parsed when it was accepted, so it parses now, but where its region is not known. */
function rulesOf(record: RulesRecord | null, region: string | null): RulesNow {
  // A push makes a record before the file is read, and then nothing may be concluded from it.
  if (!record || record.readAt === 0) {
    const text = 'The rules file was not read yet; it is asked for at every tick.';
    return { file: null, isKnown: false, reason: { code: 'rules-unread', text } };
  }
  if (record.text !== null) {
    const parsed = parseRules(record.text, parseOptions(region));
    if (parsed.ok) return { file: parsed.rules, isKnown: true, reason: null };
    return { file: null, isKnown: false, reason: NO_REGION };
  }
  if (record.errors) {
    const text = `${RULES_PATH} has errors and no earlier version is known; nothing runs by it.`;
    return { file: null, isKnown: false, reason: { code: 'rules-invalid', text } };
  }
  const text = `There is no ${RULES_PATH} on the default branch; nothing is allowed without it.`;
  return { file: null, isKnown: true, reason: { code: 'no-rule', text } };
}

const NO_REGION: Reason = {
  code: 'no-region',
  text: `A rule names no region, and neither does the AWS account: write \`region\` in ${RULES_PATH}.`,
};
