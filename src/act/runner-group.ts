import type { Reason } from '../model/job.ts';
import type { Refused } from '../model/reply.ts';
import type { Repo } from '../model/repo.ts';
import type { Wait } from '../model/world.ts';
import type { ScopeRows } from '../store/port.ts';
import type { ActDeps } from './deps.ts';

type Need = Pick<ActDeps, 'github' | 'settings'>;

/**
 * Jobs of repositories that may not use the runner group: no machine that registers in it would get
 * them. GitHub is asked for each repository with queued jobs, and remembers for minutes.
 */
export async function outsideGroup(
  deps: Need,
  { rows, runnerGroup }: { readonly rows: ScopeRows; readonly runnerGroup: string | null },
): Promise<readonly Wait[]> {
  if (runnerGroup === null) return [];
  const queued = Map.groupBy(
    rows.jobs.filter(({ state }) => state === 'queued'),
    ({ repo }) => repo,
  );
  const waits = rows.repos.map(async (repo): Promise<readonly Wait[]> => {
    const jobs = repo.removedAt === null ? (queued.get(repo.id) ?? []) : [];
    const found = jobs.length > 0 && (await deps.github.runnerGroup(repo, runnerGroup));
    if (found === false || found.ok) return [];
    const reason = reasonOf(deps, { repo, runnerGroup, found });
    return jobs.map(({ id }) => ({ job: id, reason }));
  });
  return (await Promise.all(waits)).flat();
}

function reasonOf(
  { settings }: Need,
  of: { readonly repo: Repo; readonly runnerGroup: string; readonly found: Refused },
): Reason {
  const { repo, runnerGroup, found } = of;
  const organization = `${settings.htmlUrl}/organizations/${repo.owner}/settings`;
  if (found.reason === 'missing') {
    return {
      code: 'runner-group',
      text: `There is no runner group ${runnerGroup} that ${repo.name} may use: an owner of ${repo.owner} makes it, or lets the repository in, at ${organization}/actions/runner-groups`,
    };
  }
  if (found.reason === 'denied') {
    return {
      code: 'runner-group',
      text: `GitHub does not let the App use the runners of ${repo.owner}, as runner-group needs: an owner grants it "Self-hosted runners: read and write" at ${organization}/installations/${repo.installation}; where that is not on offer, whoever runs the App adds it to its permissions first`,
    };
  }
  return {
    code: 'github-slow',
    text: `GitHub has not said yet whether there is a runner group ${runnerGroup}; nothing starts until it does`,
  };
}
