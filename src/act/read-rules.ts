import type { Instant } from '../lib/clock.ts';
import type { Reason } from '../model/job.ts';
import type { Repo } from '../model/repo.ts';
import type { RulesFile } from '../model/rules.ts';
import { type ParseOptions, parseRules } from '../rules/parse.ts';
import type { Lease, RulesRecord, ScopeRows } from '../store/port.ts';
import type { ActDeps } from './deps.ts';
import { noteNews } from './rules-news.ts';

export const RULES_PATH = '.github/dstack.yml';

/** Rules as they are in force. `file` null: there are none, or they are not known yet. */
export interface RulesNow {
  readonly file: RulesFile | null;
  /** false: not read yet, so nothing may be concluded from their absence. */
  readonly isKnown: boolean;
  readonly reason: Reason | null;
}

type Need = Pick<ActDeps, 'store' | 'github' | 'clock' | 'log' | 'settings'>;

/** Reads the file where a push or nothing at all makes that necessary; answers the record in force. */
export async function readRules(
  deps: Need,
  lease: Lease,
  rows: ScopeRows,
): Promise<RulesRecord | null> {
  const { rules } = rows;
  return rules && rules.wantedCommit === null ? rules : askForRules(deps, lease, rows);
}

/** For a push that no webhook told of, or one that an older push overtook: did the rules change? */
export async function sweepRules(deps: Need, lease: Lease, rows: ScopeRows): Promise<boolean> {
  const { rules } = rows;
  const record = await askForRules(deps, lease, rows);
  return record?.text !== rules?.text || record?.errors !== rules?.errors;
}

async function askForRules(deps: Need, lease: Lease, rows: ScopeRows): Promise<RulesRecord | null> {
  const { rules } = rows;
  const repo = rows.repos.find((one) => one.removedAt === null);
  if (!repo) return rules;
  const askedAt = deps.clock.now();
  const ref = rules?.wantedCommit ?? repo.defaultBranch;
  const reply = await deps.github.file(repo, RULES_PATH, ref);
  if (reply.ok) {
    await deps.store.heard(repo.id, askedAt);
    const { text } = reply.value;
    const record = accept(deps, { repo, rules, text, askedAt });
    await noteNews(deps.store, rules, { record, ref, text });
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
  const { scope } = read.repo;
  return { scope, text: null, commit, errors: null, readAt: read.askedAt, wantedCommit: commit };
}

const missingKey = (repo: Repo) => `rules-missing:${repo.scope}`;

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

function accept(
  { settings, log }: Need,
  read: { repo: Repo; rules: RulesRecord | null; text: string; askedAt: Instant },
): RulesRecord {
  const { repo, rules, text } = read;
  const record = emptyRecord(read);
  // It was good when it came into force.
  if (text === rules?.text) return { ...record, text };
  const parsed = parseRules(text, parseOptions(settings));
  const { commit } = record;
  if (parsed.ok) {
    const facts = { scope: repo.scope, commit, rules: parsed.rules.rules.length };
    log.info(facts, 'rules read');
    return { ...record, text };
  }
  const errors = JSON.stringify(parsed.errors);
  if (errors !== rules?.errors) {
    const facts = { scope: repo.scope, commit, errors: parsed.errors };
    log.warn(facts, 'rules refused; the last stay');
  }
  return { ...record, text: rules?.text ?? null, commit: rules?.commit ?? null, errors };
}

async function save(deps: Need, lease: Lease, record: RulesRecord): Promise<RulesRecord | null> {
  return (await deps.store.saveRules(lease, record)) ? record : null;
}

export const parseOptions = (of: { readonly defaultRegion: string | null }): ParseOptions =>
  of.defaultRegion ? { defaultRegion: of.defaultRegion } : {};

export type RulesOf = (record: RulesRecord | null) => RulesNow;

/** Scopes at work at the same time; each has a text of its own at most. */
const MOST_REMEMBERED = 1_000;

/** Remembers what it made of a record's texts: every tick asks, and a file seldom changes. */
export function createRulesOf(defaultRegion: string | null): RulesOf {
  const known = new Map<string, RulesNow>();
  return (record) => {
    if (!record || record.readAt === 0) return rulesOf(record, defaultRegion);
    const key = JSON.stringify([record.text, record.errors !== null]);
    const before = known.get(key);
    if (before) return before;
    const made = rulesOf(record, defaultRegion);
    if (known.size >= MOST_REMEMBERED) known.clear();
    known.set(key, made);
    return made;
  };
}

/** The record as rules. The text was parsed when it was accepted, so it parses now. */
function rulesOf(record: RulesRecord | null, defaultRegion: string | null): RulesNow {
  // A push makes a record before the file is read, and then nothing may be concluded from it.
  if (!record || record.readAt === 0) {
    const text = 'The rules file was not read yet; it is asked for at every tick.';
    return { file: null, isKnown: false, reason: { code: 'rules-unread', text } };
  }
  if (record.text !== null) {
    const parsed = parseRules(record.text, parseOptions({ defaultRegion }));
    if (parsed.ok) return { file: parsed.rules, isKnown: true, reason: null };
  }
  if (record.errors) {
    const text = `${RULES_PATH} has errors and no earlier version is known; nothing runs by it.`;
    return { file: null, isKnown: false, reason: { code: 'rules-invalid', text } };
  }
  const text = `There is no ${RULES_PATH} on the default branch; nothing is allowed without it.`;
  return { file: null, isKnown: true, reason: { code: 'no-rule', text } };
}
