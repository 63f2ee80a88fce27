import { repoScope } from '../../src/model/ids.ts';
import { ruleId } from '../../src/model/rules.ts';
import { isLive } from '../../src/sandbox/ec2-instance.ts';
import type { Repo } from '../../src/sandbox/github-state.ts';
import { ownText } from './own-changes.ts';
import { fileAt } from './owners.ts';
import { rulesText } from './population.ts';
import type { Fault, RepoPlan, RulePlan, Says, Scenario, Taking } from './scenario.ts';
import type { World } from './world.ts';

// What takes something away is in force within ten seconds of the comment, where a tick is five: tried when nothing else
// goes wrong, on a branch that may be pushed to and on one that only takes pull requests.

type AtOnce = Extract<Fault, { kind: 'at-once' }>;

/** Beyond a tick: another process may decide for the scope, and hears of it with its next one. */
const WITHIN_MS = 5_000;
/** After the calm has begun: work comes, machines come, and then it is said. */
const [WORK_MS, SAID_MS] = [20_000, 75_000] as const;
/** Whoever was paused may do late what was said: then it is undone once more. */
const UNDO_MS = [16_000, 116_000] as const;
const JOBS = 3;

export function sayingOf(says: Says, rules: readonly RulePlan[]): string {
  const [rule] = rules;
  if (says === 'clear' || says === 'disable' || says === 'enable' || says === 'info' || !rule) {
    return `autoscale ${says === 'clear' || says === 'disable' || says === 'enable' ? says : 'info'}`;
  }
  const max = { zero: 0, lower: Math.max(0, rule.max - 1), raise: rule.max + 1 }[says];
  return `autoscale allow ${rule.type} --max ${max} --region ${rule.region}`;
}

export function takeAtOnce(world: World, fault: AtOnce): void {
  const { kernel, scenario, repos, github } = world;
  const repo = repos[fault.repo];
  if (!repo) return;
  kernel.at(scenario.calmAt + WORK_MS, 'work', () => {
    for (let i = 0; i < JOBS; i += 1) {
      world.addJob({ at: 0, repo: fault.repo, type: '', durationMs: 60_000 });
    }
    if (fault.isProtected) github.commits.protect(repo);
  });
  kernel.at(scenario.calmAt + SAID_MS, 'said', () => say(world, fault, repo));
}

/** Where there is no file of its own, there is nothing to take a rule out of: all is taken. */
function sayableOf(scenario: Scenario, plan: RepoPlan | undefined, says: Taking): Taking {
  const isNone = says === 'zero' || (says === 'lower' && (plan?.rules[0]?.max ?? 0) <= 1);
  return scenario.isOwners && !plan?.own && isNone ? 'clear' : says;
}

function say(world: World, fault: AtOnce, repo: Repo): void {
  const { kernel, people, calmSince, scenario, ec2, nowMs } = world;
  const plan = scenario.repos[fault.repo];
  const says = sayableOf(scenario, plan, fault.says);
  const rules = plan?.rules ?? [];
  const [rule] = rules;
  const saidAt = kernel.now();
  const since = calmSince();
  people.say(repo, 'writer', sayingOf(says, rules));
  // Those that were paused for long have to catch up first.
  const isJudged = since !== undefined && saidAt - since >= SAID_MS - WORK_MS && rule !== undefined;
  const of = [...ec2.instances.values()].filter(
    ({ tags, visibleAt }) =>
      tags['dstack:repo'] === String(repo.id) &&
      visibleAt <= saidAt &&
      (says === 'clear' ||
        says === 'disable' ||
        tags['dstack:rule'] === (rule && ruleId(rule.type, rule.region))),
  );
  const most = says === 'lower' ? Math.max(0, (rule?.max ?? 0) - 1) : 0;
  if (isJudged) world.promises.taken(repoScope(repo.id));
  const withinMs = scenario.tickMs + WITHIN_MS;
  kernel.at(withinMs, 'at once', () => {
    const left = of.filter(isLive).length;
    const text = `${left} machines live ${withinMs} ms after \`${says}\`, said at ${nowMs()}`;
    kernel.invariant(!isJudged || left <= most, 'at-once', text);
    if (isJudged && of.length > most) kernel.mark(`taken at once ${says}`);
    if (isJudged && of.length > most && fault.isProtected) {
      kernel.mark('taken at once behind a guard');
    }
    if (isJudged && of.length > most && scenario.isOwners) {
      kernel.mark("taken at once of an owner's");
    }
  });
  for (const ms of UNDO_MS) kernel.at(ms, 'undone', () => undo(world, fault, repo));
}

/** As it was: the guard is lifted, what was asked for by pull request is closed, the file restored. */
function undo({ github, scenario, writeOwn, kernel }: World, fault: AtOnce, repo: Repo): void {
  repo.talk.protectedBranches.clear();
  for (const pull of github.pulls.all(repo)) {
    if (pull.closedAt === null) github.pulls.closePull(repo, pull.issue.number);
  }
  const plan = scenario.repos[fault.repo];
  const text = scenario.isOwners ? ownText(plan) : rulesText(plan?.rules ?? []);
  if (fileAt(github, repo) === text) return;
  kernel.trace('undone');
  writeOwn(fault.repo, text);
}
