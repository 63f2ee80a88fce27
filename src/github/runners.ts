import { fieldsOf, idOf, textOf } from '../model/github-json.ts';
import type { Remembered } from '../model/remember.ts';
import { done, type Reply } from '../model/reply.ts';
import type { Client, Target } from './client.ts';
import { parseRegistration, parseRunner, within } from './parse.ts';
import type { GitHub, RepoRef, RunnerPlace } from './port.ts';
import { target } from './target.ts';

// Runners of a repository, and of an organization's runner group: the same calls at two places.

/** The group that every repository has. */
const DEFAULT_GROUP = 1;
/** Relative to where the runner is installed. */
const WORK_FOLDER = '_work';
/** 10,000 runners, as many as a group can have. */
const MAX_RUNNER_PAGES = 100;
/** Far more groups than an organization can be expected to have. */
const MAX_GROUP_PAGES = 10;

type RunnerCalls = Pick<GitHub, 'register' | 'removeRunner' | 'runners' | 'runnerGroup'>;
type Group = { readonly id: number };

const ORG_CALL = {
  register: 'orgRegister',
  removeRunner: 'orgRemoveRunner',
  runners: 'orgRunners',
} as const;

const isOrg = ({ group }: RunnerPlace): boolean => group != null;

/** At organization level with a token that reaches no repository's runners, and nothing else. */
const at = (
  place: RunnerPlace,
  call: keyof typeof ORG_CALL,
  verb: string,
  params: Target['params'] = {},
): Target =>
  isOrg(place) ? orgTarget(place, ORG_CALL[call], verb, params) : target(place, call, verb, params);

const orgTarget = (
  { installation, owner }: RepoRef,
  call: Target['call'],
  verb: string,
  params: Target['params'],
): Target => ({
  call,
  at: { installation, repo: null },
  params: { org: owner, ...params },
  what: `${verb} in organization ${owner}`,
});

export function runnerCalls(client: Client, groupOf: Remembered<Group>): RunnerCalls {
  const runnerGroup = (repo: RepoRef, name: string): Promise<Reply<Group>> =>
    groupOf(JSON.stringify([repo.installation, repo.id, repo.name, name]), () =>
      findGroup(client, repo, name),
    );
  return {
    runnerGroup,
    async register(place, { name, labels }) {
      const { group } = place;
      const found = group == null ? done({ id: DEFAULT_GROUP }) : await runnerGroup(place, group);
      if (!found.ok) return found;
      const params = { name, labels, runner_group_id: found.value.id, work_folder: WORK_FOLDER };
      return client.call(at(place, 'register', `register runner ${name}`, params), ({ data }) =>
        parseRegistration(data),
      );
    },
    removeRunner: (place, id) =>
      client.call(
        {
          ...at(place, 'removeRunner', `remove runner ${id}`, { runner_id: id }),
          meanings: { 422: 'busy' },
        },
        () => null,
      ),
    runners: (place, name) =>
      client.list(at(place, 'runners', 'list the runners', name === undefined ? {} : { name }), {
        items: within('runners'),
        parse: parseRunner,
        maxPages: MAX_RUNNER_PAGES,
      }),
  };
}

/** GitHub itself says which groups a repository may use: by visibility, and whether it is public. */
async function findGroup(client: Client, repo: RepoRef, name: string): Promise<Reply<Group>> {
  const params = { visible_to_repository: repo.name };
  const asked = orgTarget(repo, 'runnerGroups', `find runner group ${name}`, params);
  const groups = await client.list(asked, {
    items: within('runner_groups'),
    parse: parseGroup,
    maxPages: MAX_GROUP_PAGES,
  });
  if (!groups.ok) return groups;
  const found = groups.value.find((group) => group.name === name);
  if (found) return done({ id: found.id });
  const message = `${asked.what}: none of that name that ${repo.name} may use`;
  return { ok: false, reason: 'missing', code: 'runner-group', message };
}

function parseGroup(value: unknown): { readonly id: number; readonly name: string } | undefined {
  const fields = fieldsOf(value);
  const id = idOf(fields['id']);
  const name = textOf(fields['name']);
  return id === undefined || name === undefined ? undefined : { id, name };
}
