import type { Instant } from '../lib/clock.ts';
import type { Job } from '../model/job.ts';
import type { Instance } from '../model/launch.ts';
import type { JobLink, MachineRow, RuleRow, RulesState, WaitRow } from '../model/outcome.ts';
import type { Repo } from '../model/repo.ts';
import type { Rule, RulesFile } from '../model/rules.ts';
import type { Exhausted, ScopeRows } from '../store/port.ts';
import { costUsd, spentUsd } from './budget.ts';
import type { ActDeps } from './deps.ts';
import { pricesOf } from './prices.ts';

type Need = Pick<ActDeps, 'store' | 'accounts' | 'catalogue' | 'clock' | 'settings'>;

/** The rules as a person wants to see them: price, use, status, and the month's money. */
export async function rulesState(
  deps: Need,
  of: { readonly repo: Repo; readonly file: RulesFile },
): Promise<RulesState> {
  const { repo, file } = of;
  const now = deps.clock.now();
  const { instances } = await deps.store.scopeRows(repo.scope);
  const found = await deps.accounts.accountFor(repo);
  const account = 'account' in found ? found.account : null;
  const marks = account === null ? [] : await deps.store.exhausted(account);
  const rows = await Promise.all(
    file.rules.map(async (rule) => {
      const unknown = { nowUsd: null, atMostUsd: rule.maxPriceUsd };
      const prices =
        account === null ? unknown : await pricesOf({ catalogue: deps.catalogue, account, rule });
      const inUse = instances.filter((one) => one.rule === rule.id).length;
      const reason = 'reason' in found ? found.reason.text : statusOf({ rule, marks, now });
      return { ...rowOf(rule), ...prices, inUse, status: reason };
    }),
  );
  const monthUsd = await spentUsd(deps, repo.scope);
  return { enabled: file.enabled, rows, monthUsd, asOf: now };
}

const rowOf = (rule: Rule): Pick<RuleRow, 'type' | 'region' | 'market' | 'max'> => ({
  type: rule.type,
  region: rule.region,
  market: rule.spotPolicy,
  max: rule.max,
});

function statusOf(of: { rule: Rule; marks: readonly Exhausted[]; now: Instant }): string {
  const mine = of.marks.filter(
    (mark) => mark.type === of.rule.type && mark.region === of.rule.region && mark.until > of.now,
  );
  if (mine.length === 0) return 'OK';
  const zones = mine.map(({ zone }) => zone.slice(of.rule.region.length)).sort();
  return `${mine[0]?.why ?? 'refused'} in ${[...new Set(zones)].join(', ')}`;
}

export const jobLink = (deps: Pick<Need, 'settings'>, repo: Repo, job: Job): JobLink => ({
  id: job.id,
  name: job.name,
  url: `${deps.settings.htmlUrl}/${repo.owner}/${repo.name}/actions/runs/${job.run}/job/${job.id}`,
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
