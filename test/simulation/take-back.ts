import { holdsKey, parseHolds } from '../../src/act/holds.ts';
import type { Repo } from '../../src/sandbox/github-state.ts';
import { roomyOf } from './own-changes.ts';
import { homeOf, scopesOf } from './owners.ts';
import type { RulePlan } from './scenario.ts';
import type { World } from './world.ts';

// What a person took away while nobody let the app commit it is held until a command takes it back. So
// in the calm, when all else is as it was, somebody says that.

/** After what was under way, and after what is tried at once in the calm. */
export const TAKEN_BACK_AFTER_MS = [5_000, 230_000] as const;

export function takeBack(world: World): void {
  const { scenario, repos, github } = world;
  repos.forEach((repo, index) => {
    const { rules = [], own = rules } = scenario.repos[index] ?? {};
    say(world, repo, own);
    if (scenario.isOwners && index === 0) say(world, homeOf(scenario, github, repo), rules);
  });
}

function say({ store, scenario, people, kernel }: World, repo: Repo, rules: readonly RulePlan[]) {
  const lines = [
    'autoscale enable',
    ...roomyOf(rules).map(
      ({ type, region, max }) => `autoscale allow ${type} --max ${max} --region ${region}`,
    ),
  ];
  const keys = scopesOf(scenario, repo).map(holdsKey);
  void Promise.all(keys.map((key) => store().fact(key))).then((facts) => {
    const holds = facts.flatMap((fact) => parseHolds(fact ?? undefined));
    if (!holds.some(({ pull }) => pull === null)) return;
    kernel.mark('taken back');
    people.say(repo, scenario.isOwners ? 'admin' : 'writer', lines.join('\n/dstack '));
  });
}
