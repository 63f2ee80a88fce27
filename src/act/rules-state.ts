import type { Instant } from '../lib/clock.ts';
import { MEANINGS } from '../model/aws-codes.ts';
import { costUsd } from '../model/cost.ts';
import type { Job } from '../model/job.ts';
import type { Instance } from '../model/launch.ts';
import { covers, EVERY } from '../model/marks.ts';
import type { JobLink, MachineRow, RuleRow, RulesState, WaitRow } from '../model/outcome.ts';
import type { RegisterTime } from '../model/register-time.ts';
import { fileScope, type Repo } from '../model/repo.ts';
import type { Rule, RulesFile } from '../model/rules.ts';
import type { RuleView } from '../model/world.ts';
import { healthOf } from '../plan/health.ts';
import type { Exhausted, ScopeRows } from '../store/port.ts';
import { billsOf, monthOf, ofRepo, spentUsd, unpricedIn } from './budget.ts';
import type { ActDeps } from './deps.ts';
import { accountOf } from './govern.ts';
import { holdsOf, holdTexts } from './holds.ts';
import { NOTHING_KNOWN, viewOf } from './offers.ts';
import { pricesOf } from './prices.ts';
import { anewKey, historyOf } from './rule-history.ts';

type Need = Pick<ActDeps, 'store' | 'accounts' | 'catalogue' | 'clock' | 'startedAt' | 'settings'>;

/** The rules as a person wants to see them: price, use, status, and the month's money. */
export async function rulesState(
  deps: Need,
  of: {
    readonly repo: Repo;
    readonly file: RulesFile;
    /** The owner's file, where it governs a repository that is not the owner's own. */
    readonly owner: RulesFile | null;
    /** The repository's file narrows the owner's; else it has none. */
    readonly isNarrowed: boolean;
  },
): Promise<RulesState> {
  const { repo, file, isNarrowed } = of;
  const now = deps.clock.now();
  const scopeRows = await deps.store.scopeRows(repo.scope);
  const { instances } = scopeRows;
  const found = await accountOf(deps.accounts, scopeRows, repo);
  const account = 'account' in found ? found.account : null;
  const marks = account === null ? [] : await deps.store.exhausted(account);
  const { registerTimeoutMs } = deps.settings;
  const time = { registerTimeoutMs, reachableSince: deps.startedAt };
  const { rules } = file;
  const anewAt = (await deps.store.fact(anewKey(repo.scope)))?.at;
  const addHistory = await historyOf(deps.store, { scope: repo.scope, rules, anewAt, now });
  const counted = isNarrowed ? instances.filter((one) => one.repo === repo.id) : instances;
  const rows = await Promise.all(
    rules.map(async (rule) => {
      const unknown = { nowUsd: null, atMostUsd: rule.maxPriceUsd };
      const prices =
        account === null ? unknown : await pricesOf({ catalogue: deps.catalogue, account, rule });
      const inUse = counted.filter((one) => one.rule === rule.id).length;
      const view = addHistory(viewOf(rule, NOTHING_KNOWN, null));
      const status = statusOf({ view, marks, now, time });
      const reason = 'reason' in found ? found.reason.text : status;
      return { ...rowOf(rule), ...prices, inUse, status: reason };
    }),
  );
  const hasOwnBudget = isNarrowed && file.budgetUsd !== of.owner?.budgetUsd;
  const counts = hasOwnBudget ? repo.id : null;
  const bills = ofRepo(await billsOf(deps, repo.scope), counts);
  const month = await monthOf(deps, { scope: repo.scope, repo: counts, bills });
  const held = [
    ...ofOwnerTexts({ ...of, rows: scopeRows }),
    ...holdTexts(await holdsOf(deps.store, fileScope(repo))),
  ];
  return {
    enabled: file.enabled,
    rows,
    held,
    monthUsd: spentUsd(bills),
    unpriced: unpricedIn(bills),
    month,
    budgetUsd: file.budgetUsd,
    asOf: now,
  };
}

/** What is in force by the owner's file, and how much of it all repositories use together. */
function ofOwnerTexts(of: {
  readonly owner: RulesFile | null;
  readonly file: RulesFile;
  readonly isNarrowed: boolean;
  readonly rows: ScopeRows;
}): readonly string[] {
  const { owner, file, isNarrowed, rows } = of;
  const { home, instances } = rows;
  if (!owner || !home) return [];
  const name = `${home.owner}/${home.name}`;
  if (!isNarrowed) {
    return [`These are the owner's rules, of ${name}: in use / max counts over all repositories.`];
  }
  const uses = file.rules.flatMap(({ id, type, region }) => {
    const max = owner.rules.find((rule) => rule.id === id)?.max;
    const inUse = instances.filter(({ rule }) => rule === id).length;
    return max === undefined ? [] : `${type} in ${region} ${inUse} / ${max}`;
  });
  const all = uses.length === 0 ? '' : ` In use / max of all repositories: ${uses.join(', ')}.`;
  return [`This repository's file narrows the owner's rules, of ${name}.${all}`];
}

const rowOf = (rule: Rule): Pick<RuleRow, 'type' | 'region' | 'market' | 'max'> => ({
  type: rule.type,
  region: rule.region,
  market: rule.spotPolicy,
  max: rule.max,
});

/** `OK`, or why nothing comes of a rule now, or of a part of its offers. */
function statusOf(of: {
  readonly view: RuleView;
  readonly marks: readonly Exhausted[];
  readonly now: Instant;
  readonly time: RegisterTime;
}): string {
  const { view, marks, now } = of;
  const { paused } = healthOf(view, now, of.time);
  if (paused) return paused.text;
  const { region, type, markets } = view;
  const isMine = (mark: Exhausted): boolean =>
    mark.until > now &&
    markets.some((market) =>
      covers({ ...mark, zone: EVERY }, { region, zone: '', subnet: '', type, market }),
    );
  const mine = marks.filter(isMine);
  const [first] = mine;
  if (first === undefined) return 'OK';
  const zones = mine.flatMap(({ zone }) =>
    zone === EVERY ? [] : [zone.startsWith(region) ? zone.slice(region.length) : zone],
  );
  const where = zones.length === 0 ? '' : ` (${[...new Set(zones)].sort().join(', ')})`;
  return `${MEANINGS.get(first.why)?.tell ?? first.why}${where}`;
}

export const jobLink = (deps: Pick<Need, 'settings'>, repo: Repo, job: Job): JobLink => ({
  id: job.id,
  name: job.name,
  url: `${deps.settings.htmlUrl}/${repo.owner}/${repo.name}/actions/runs/${job.run}/job/${job.id}`,
});

/** What others of the same owner run is not for everyone who may read this repository. */
export const rowsOf = (rows: ScopeRows, repo: Repo): ScopeRows => ({
  ...rows,
  jobs: rows.jobs.filter((job) => job.repo === repo.id),
  instances: rows.instances.filter((one) => one.repo === repo.id),
});

export function waitRows(deps: Pick<Need, 'settings'>, rows: ScopeRows): readonly WaitRow[] {
  return rows.jobs
    .filter((job) => job.state === 'queued')
    .flatMap((job) => {
      const repo = rows.repos.find((one) => one.id === job.repo);
      if (!repo) return [];
      const { code, text } = job.reason ?? { code: 'new', text: 'It was not looked at yet.' };
      const link = jobLink(deps, repo, job);
      return [{ job: link, since: job.queuedAt, labels: job.labels, code, reason: text }];
    });
}

export function machineRow(
  deps: Pick<Need, 'settings' | 'clock'>,
  of: { readonly one: Instance; readonly repo: Repo; readonly job: Job | undefined },
): MachineRow {
  const { one, repo, job } = of;
  const now = deps.clock.now();
  return {
    id: one.id ?? 'asked for',
    type: one.type,
    zone: one.zone,
    market: one.market,
    state: one.state,
    reason: one.reason,
    job: job ? jobLink(deps, repo, job) : null,
    upMs: one.launchedAt === null ? 0 : (one.goneAt ?? now) - one.launchedAt,
    usd: costUsd(one, { from: 0, to: now }),
  };
}

export function machineRows(deps: Pick<Need, 'settings' | 'clock'>, rows: ScopeRows) {
  return rows.instances.flatMap((one) => {
    const repo = rows.repos.find(({ id }) => id === one.repo);
    const job = rows.jobs.find(
      ({ runnerName }) => runnerName !== null && runnerName === one.runnerName,
    );
    return repo ? [machineRow(deps, { one, repo, job })] : [];
  });
}
