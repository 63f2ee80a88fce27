import {
  previewVerdict,
  type RulesPreview,
  type RulesVerdict,
  refusedVerdict,
} from '../commands/rules-check.ts';
import type { Talk } from '../github/port.ts';
import type { Instant } from '../lib/clock.ts';
import type { Event } from '../model/event.ts';
import { idInScope, isOwnerScope, type RuleId, type ScopeId } from '../model/ids.ts';
import type { Instance } from '../model/launch.ts';
import type { Refused, Reply } from '../model/reply.ts';
import { fileOwner, fileScope, isHome, type Repo } from '../model/repo.ts';
import type { RulesFile, RulesProblem } from '../model/rules.ts';
import { type ParsedRules, type ParseOptions, parseRules } from '../rules/parse.ts';
import type { ScopeRows } from '../store/port.ts';
import type { ActDeps } from './deps.ts';
import { accountOf } from './govern.ts';
import { type InForceDeps, inForce, ofOwner } from './in-force.ts';
import { parseOptions, RULES_PATH } from './read-rules.ts';
import { forgetNews, newsOf } from './rules-news.ts';
import { judgeRules, priceRules } from './rules-sight.ts';
import { unreadable } from './unreadable.ts';
import { judgeWorkflows } from './workflows.ts';

// The check run of a commit or pull request that changes the rules file: mistakes at their lines, or
// what the change would do and cost.

type Need = Pick<
  ActDeps,
  'store' | 'github' | 'accounts' | 'catalogue' | 'clock' | 'log' | 'settings'
> &
  InForceDeps & { readonly talk: Talk };

export type Proposal = Extract<Event, { readonly kind: 'proposal' }>;
export const isProposal = (event: Event): event is Proposal => event.kind === 'proposal';

const CHECK_NAME = 'dstack / rules';
const MINUTE_MS = 60_000;
/** What GitHub does not let us say by then is said of the next commit. */
const TOO_OLD_MS = 180 * MINUTE_MS;

/** A file as it is at a commit; `text` null: there is none. */
interface Change {
  readonly sha: string;
  readonly text: string | null;
  /** It is no file of text at all. */
  readonly problem?: RulesProblem;
  readonly before: string | null;
  /** The commit of what is in force. */
  readonly inForce: string | null;
  readonly holds: RulesPreview['holds'];
  /** Its author may not use the owner's account. */
  readonly isFork: boolean;
}

/** Of the default branch's last change of that file; in how many ms it is tried again. */
export async function tellRules(deps: Need, file: ScopeId): Promise<number | undefined> {
  const known = await newsOf(deps.store, file);
  if (!known) return undefined;
  const { news, at } = known;
  const repo = isOwnerScope(file)
    ? (await deps.store.scopeRows(file)).home
    : await deps.store.repo(idInScope(file));
  if (repo?.removedAt === null && !isTooOld(deps, at)) {
    const change: Change = { ...news, holds: 'now', isFork: false };
    if (!(await tell(deps, { repo, change }))) return deps.settings.resyncMs / 4;
  }
  await forgetNews(deps.store, { scope: file, sha: news.sha, now: deps.clock.now() });
  return undefined;
}

/** False: try again later. A pull request that leaves the file alone gets no check. */
export async function checkProposal(
  deps: Need & { readonly wake: (scope: ScopeId) => void },
  of: { readonly repo: Repo; readonly event: Proposal; readonly at: Instant },
): Promise<boolean> {
  const { repo, event, at } = of;
  const { sha, number, isFork } = event;
  if (isTooOld(deps, at) || repo.removedAt !== null) return true;
  const rules = await deps.store.rules(fileScope(repo));
  if (!rules || rules.readAt === 0) {
    // Without the rules in force there is nothing to compare with.
    deps.wake(repo.scope);
    return false;
  }
  const file = await deps.github.file(repo, RULES_PATH, sha);
  if (!file.ok && isPassing(file)) return false;
  const seen = seenIn(file);
  if (!seen.problem && seen.text === rules.text) return true;
  // An old branch has an old file, and merging it changes nothing.
  const touched = await deps.talk.pullFiles(repo, number);
  if (!touched.ok) return !isPassing(touched);
  if (!touched.value.some(isRulesPath)) return true;
  const inForce = rules.commit;
  const change: Change = { ...seen, sha, before: rules.text, inForce, holds: 'merge', isFork };
  return tell(deps, { repo, change });
}

/** A folder in the place of the file is touched by what is in it. */
const isRulesPath = (path: string): boolean => `${path}/`.startsWith(`${RULES_PATH}/`);

const isTooOld = ({ clock }: Need, at: Instant): boolean => clock.now() - at > TOO_OLD_MS;

/** Another time it may be let through. */
const isPassing = ({ reason }: Refused): boolean =>
  reason === 'throttled' || reason === 'unreachable';

function seenIn(file: Reply<{ readonly text: string }>): Pick<Change, 'text' | 'problem'> {
  if (file.ok) return { text: file.value.text };
  return file.reason === 'missing'
    ? { text: null }
    : { text: null, problem: unreadable(file.code) };
}

interface Told {
  readonly repo: Repo;
  readonly change: Change;
}

async function tell(deps: Need, told: Told): Promise<boolean> {
  const verdict = await verdictOf(deps, told);
  return write(deps, { repo: told.repo, sha: told.change.sha, verdict });
}

async function write(
  { talk, log }: Need,
  of: { readonly repo: Repo; readonly sha: string; readonly verdict: RulesVerdict },
): Promise<boolean> {
  const { repo, sha, verdict } = of;
  const done = await talk.check(repo, { name: CHECK_NAME, sha, ...verdict });
  if (done.ok) return true;
  log.warn({ scope: repo.scope, sha, code: done.code }, 'check run not written');
  return !isPassing(done);
}

async function verdictOf(deps: Need, told: Told): Promise<RulesVerdict> {
  const { repo, change } = told;
  const { text, problem, before, inForce: commit, holds } = change;
  if (problem) {
    return refusedVerdict({ path: RULES_PATH, errors: [problem], holds, inForce: commit });
  }
  const { owner, region, rows } = await inForce(deps, repo);
  const options: ParseOptions = {
    ...parseOptions(region),
    of: fileOwner(repo),
    ...(owner?.ownRules === 'within' ? { within: owner } : {}),
  };
  const parse = (its: string | null) => parseRules(its ?? 'autoscale: {}', options);
  const parsed = parse(text);
  if (!parsed.ok) {
    const { errors } = parsed;
    return refusedVerdict({ path: RULES_PATH, errors, holds, inForce: commit });
  }
  const old = parse(before);
  const applies = (file: RulesFile | null) => (owner ? ofOwner(owner, file) : file);
  const fileBefore = applies(before !== null && old.ok ? old.rules : null);
  const fileAfter = applies(text === null ? null : parsed.rules);
  const preview = await previewOf(deps, { ...told, rows }, { parsed, fileBefore, fileAfter });
  return previewVerdict(preview);
}

type Parsed = Extract<ParsedRules, { readonly ok: true }>;

async function previewOf(
  deps: Need,
  { repo, rows, change }: Told & { readonly rows: ScopeRows },
  of: {
    readonly parsed: Parsed;
    readonly fileBefore: RulesFile | null;
    readonly fileAfter: RulesFile | null;
  },
): Promise<RulesPreview> {
  const { parsed, fileBefore, fileAfter } = of;
  const { rules, places } = parsed;
  const ask = { catalogue: deps.catalogue, ...(await accountFor(deps, { repo, rows, change })) };
  const [before, after, sight, jobs] = await Promise.all([
    priceRules(ask, fileBefore?.rules ?? []),
    priceRules(ask, fileAfter?.rules ?? []),
    judgeRules(ask, rules.rules),
    // What a fork's workflows ask for is not ours to judge.
    change.isFork ? null : judgeWorkflows(deps, { ...ask, repo, sha: change.sha, file: parsed }),
  ]);
  const problems = sight.problems.flatMap(({ rule, text }) => {
    const place = places.get(rule);
    return place ? [{ ...place, path: RULES_PATH, message: text }] : [];
  });
  const warnings = parsed.warnings.map((warning) => ({ ...warning, path: RULES_PATH }));
  return {
    path: RULES_PATH,
    before: { file: fileBefore, rules: before },
    after: { file: fileAfter, rules: after },
    holds: change.holds,
    withoutAws: ask.withoutAws,
    inUse: change.isFork ? new Map() : inUseOf(rows.instances.filter(isCounted(repo))),
    beyond: parsed.beyond.map((problem) => ({ ...problem, path: RULES_PATH })),
    warnings: [...warnings, ...problems, ...(jobs?.notes ?? [])],
    remarks: [...sight.remarks, ...(jobs?.remarks ?? [])],
  };
}

/** `account` null: AWS is not asked, and why. */
async function accountFor(
  deps: Need,
  of: { readonly repo: Repo; readonly rows: ScopeRows; readonly change: Change },
) {
  const { repo, rows } = of;
  const { isFork } = of.change;
  if (isFork) {
    const withoutAws = 'the pull request comes from a fork, so the account is not used for it.';
    return { account: null, withoutAws };
  }
  const found = await accountOf(deps.accounts, rows, repo);
  return 'account' in found
    ? { account: found.account, withoutAws: null }
    : { account: null, withoutAws: found.reason.text };
}

/** An owner's rules are for all machines of the owner, a repository's for its own. */
const isCounted =
  (repo: Repo) =>
  (one: Instance): boolean =>
    isHome(repo) || one.repo === repo.id;

function inUseOf(instances: readonly Instance[]): RulesPreview['inUse'] {
  const inUse = new Map<RuleId, { all: number; busy: number }>();
  for (const { rule, state } of instances) {
    const { all, busy } = inUse.get(rule) ?? { all: 0, busy: 0 };
    inUse.set(rule, { all: all + 1, busy: busy + (state === 'busy' ? 1 : 0) });
  }
  return inUse;
}
