import type { Token } from './github-app.ts';
import { listRunners, registerAt } from './github-repo-routes.ts';
import { type Call, notFound, page, type Result, type Route, reply } from './github-route.ts';
import { isVisible, type Owner, type Permission, type RunnerGroup } from './github-state.ts';

// What an installation's token may ask about its organization: runners that serve many repositories.

type OrgCall = Call & { readonly token: Token; readonly org: Owner };

/** A person has no such pages, and nobody else's organization is shown. */
const atOrg = (access: Permission, run: (call: OrgCall) => Result): Route => ({
  who: 'installation',
  needs: { organization_self_hosted_runners: access },
  run(call) {
    const { owner } = call.token.installation;
    const isIts = owner.login.toLowerCase() === call.args[0]?.toLowerCase();
    return isIts && owner.type === 'Organization' ? run({ ...call, org: owner }) : notFound;
  },
});

const groupJson = (org: string, { id, name, repos, allowsPublic }: RunnerGroup): object => ({
  id,
  name,
  visibility: repos === null ? 'all' : 'selected',
  default: id === 1,
  ...(repos === null
    ? {}
    : { selected_repositories_url: `${org}/actions/runner-groups/${id}/repositories` }),
  runners_url: `${org}/actions/runner-groups/${id}/runners`,
  inherited: false,
  allows_public_repositories: allowsPublic,
  restricted_to_workflows: false,
  selected_workflows: [],
  workflow_restrictions_read_only: false,
});

function groups({ model, org: owner, query }: OrgCall): Result {
  const name = query.get('visible_to_repository');
  const repo = [...model.state.repos.values()].find(
    (one) => one.owner === owner && one.name.toLowerCase() === name?.toLowerCase(),
  );
  if (name !== null && repo === undefined) return notFound;
  const { url } = model.state.knobs;
  const seen = owner.groups.filter((group) => repo === undefined || isVisible(group, repo));
  const show = (items: readonly RunnerGroup[]) => ({
    total_count: seen.length,
    runner_groups: items.map((group) => groupJson(`${url}/api/v3/orgs/${owner.login}`, group)),
  });
  return page(query, seen, show);
}

function register(call: OrgCall): Result {
  const owner = call.org;
  return registerAt(call, (id) => {
    const group = owner.groups.find((one) => one.id === id);
    return group && { owner, group };
  });
}

const RUNNERS = '/orgs/{org}/actions/runners';

export const ORG_ROUTES: Readonly<Record<string, Route>> = {
  'GET /orgs/{org}/actions/runner-groups': atOrg('read', groups),
  [`GET ${RUNNERS}`]: atOrg('read', (call) => listRunners(call, call.org)),
  [`POST ${RUNNERS}/generate-jitconfig`]: atOrg('write', register),
  [`DELETE ${RUNNERS}/{id}`]: atOrg('write', ({ model, org: owner, args }) =>
    reply(model.runners.remove(owner, Number(args[1])), 204),
  ),
};
