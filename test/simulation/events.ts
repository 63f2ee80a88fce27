import { onDemandUsd, typeRow, zonesOf } from '../../src/sandbox/aws-catalogue.ts';
import type { Ec2Instance } from '../../src/sandbox/ec2-instance.ts';
import { EC2_DEFAULTS } from '../../src/sandbox/ec2-model.ts';
import type { GitHubModel } from '../../src/sandbox/github.ts';
import { sayingOf, takeAtOnce } from './at-once.ts';
import { BROKEN, changeOwn, changeOwnRules, ownText, raised, roomyOf } from './own-changes.ts';
import { fileAt, homeOf, scopesOf } from './owners.ts';
import { cancel, ownersLines, rulesText } from './population.ts';
import type { Fault, Phase } from './scenario.ts';
import { TAKEN_BACK_AFTER_MS, takeBack } from './take-back.ts';
import type { World } from './world.ts';

type Of<K extends Fault['kind']> = Extract<Fault, { kind: K }>;

/** A month's money for a handful of machines. */
const BUDGET_USD = 0.003;

/** Puts everything that happens at a given time on the world's calendar. */
export function schedule(world: World): void {
  const { kernel, scenario, faults, promises } = world;
  for (const slot of world.slots) world.start(slot);
  if (world.slots.length > 1) kernel.mark('two replicas');
  if (scenario.isOwners) kernel.mark('rules of an owner');
  for (const plan of scenario.jobs) kernel.at(plan.at, 'job', () => world.addJob(plan));
  const each = <K extends Timed>(kind: K, effect: (fault: Of<K>) => void) => {
    for (const fault of faults.of(kind)) {
      if (!('at' in fault)) continue;
      kernel.at(fault.at, `fault ${kind}`, () => {
        if (world.nowMs() < scenario.calmAt) effect(fault);
      });
    }
  };
  each('capacity', (fault) => capacityOut(world, fault));
  each('quota', (fault) => quotaOut(world, fault));
  for (const fault of faults.of('price')) raisePrice(world, fault);
  each('late', (fault) => showLate(world, fault));
  each('reclaim', (fault) => reclaim(world, fault));
  each('cancel', (fault) => {
    const job = world.jobs[fault.job];
    if (job) cancel(world, job);
  });
  each('matrix', (fault) => cancelMatrix(world, fault));
  each('withheld', (fault) => withhold(world, fault));
  each('theft', (fault) => steal(world, fault));
  each('rules', (fault) => changeRules(world, fault));
  each('own-file', (fault) => changeOwn(world, fault));
  each('own-rules', (fault) => changeOwnRules(world, fault));
  each('command', (fault) => command(world, fault));
  each('credentials', ({ ms }) => {
    kernel.mark('fault credentials');
    kernel.trace(`the credentials are lost for ${ms} ms`);
    const lastsMs = Math.min(ms, scenario.calmAt - world.nowMs());
    promises.credentialsLost(kernel.now(), kernel.now() + lastsMs);
  });
  for (const fault of faults.of('at-once')) takeAtOnce(world, fault);
  each('uninstall', (fault) => uninstall(world, fault));
  each('rename', ({ repo: index }) => {
    const repo = world.repos[index];
    if (!repo) return;
    kernel.mark('fault rename');
    world.github.repos.rename(repo, `${repo.name}-new`);
  });
  each('stop', (fault) => stop(world, fault));
  for (const fault of faults.of('crash')) {
    const [, at] = /^at (\d+)$/.exec(String(fault.gate)) ?? [];
    if (at !== undefined) kernel.at(Number(at), 'crash', () => world.crash(fault));
  }
  kernel.at(scenario.calmAt, 'calm', () => calm(world));
}

type Timed =
  | 'own-file'
  | 'own-rules'
  | 'command'
  | 'credentials'
  | 'capacity'
  | 'quota'
  | 'late'
  | 'reclaim'
  | 'cancel'
  | 'matrix'
  | 'withheld'
  | 'theft'
  | 'rules'
  | 'uninstall'
  | 'rename'
  | 'stop';

const REGIONS = ['eu-west-1', 'us-west-2'];

function capacityOut({ kernel, ec2 }: World, { ms, type, zones }: Of<'capacity'>): void {
  kernel.mark(`fault capacity ${zones}`);
  const places = REGIONS.flatMap((region) =>
    zonesOf(region).slice(0, zones === 'one' ? 1 : undefined),
  ).flatMap((zone) => (['spot', 'on-demand'] as const).map((market) => ({ zone, type, market })));
  for (const place of places) ec2.setCapacity(place, 0);
  kernel.at(ms, 'capacity back', () => {
    for (const place of places) ec2.setCapacity(place, null);
  });
}

function quotaOut({ kernel, ec2 }: World, { ms }: Of<'quota'>): void {
  kernel.mark('fault quota');
  const { quotas } = EC2_DEFAULTS;
  ec2.change({ quotas: { ...quotas, 'standard spot': 4, 'standard on-demand': 4 } });
  kernel.at(ms, 'quota back', () => ec2.change({ quotas }));
}

/** Of on-demand's price; a rule's `max-price` is below it. */
const DEAR = 0.9;

function raisePrice({ kernel, ec2, scenario }: World, { at, ms, type }: Of<'price'>): void {
  const row = typeRow(type);
  if (!row) return;
  for (const region of REGIONS) {
    for (const zone of zonesOf(region)) {
      const usual = ec2.spotPriceUsd(type, zone);
      kernel.at(at, 'fault price', () => {
        kernel.mark('fault price');
        ec2.setSpotPrice(type, zone, DEAR * onDemandUsd(row, region));
      });
      kernel.at(Math.min(at + ms, scenario.calmAt), 'price back', () =>
        ec2.setSpotPrice(type, zone, usual),
      );
    }
  }
}

function showLate({ kernel, ec2, scenario }: World, { ms, lateMs }: Of<'late'>): void {
  kernel.mark('fault late');
  ec2.change({ visibleAfterMs: [0, lateMs] });
  kernel.at(ms, 'on time', () => ec2.change({ visibleAfterMs: [0, scenario.lateMs] }));
}

/** How long it is, while a machine is waited for, until the next look. */
const LOOK_MS = 500;

function reclaim(world: World, fault: Of<'reclaim'>): void {
  const { kernel, ec2, github, promises, scenario, nowMs } = world;
  const { nth, hasNotice, count = 1, phase } = fault;
  const live = [...ec2.instances.values()].filter(
    (one) =>
      one.market === 'spot' &&
      (one.state === 'pending' || one.state === 'running') &&
      (phase === undefined || phaseOf(github, one) === phase),
  );
  if (phase !== undefined && live.length === 0 && nowMs() + LOOK_MS < scenario.calmAt) {
    kernel.at(LOOK_MS, 'fault reclaim', () => reclaim(world, fault));
  }
  const first = nth % Math.max(1, live.length);
  const taken = [...live.slice(first), ...live.slice(0, first)].slice(0, count);
  for (const one of taken) {
    kernel.mark(`fault reclaim ${hasNotice ? 'with' : 'without'} notice`);
    kernel.mark(`fault reclaim ${phaseOf(github, one)}`);
    promises.reclaim(one);
    ec2.reclaim(one.id, hasNotice);
  }
  if (taken.length > 2) kernel.mark('fault reclaim many');
  if (taken.length > 2 && hasNotice) kernel.mark('fault notice many');
}

/** How far it has come. */
function phaseOf(github: GitHubModel, { id, state }: Ec2Instance): Phase {
  if (state === 'pending') return 'pending';
  const runners = [...github.state.repos.values()].flatMap((repo) => [...repo.runners.values()]);
  const runner = runners.find(({ name }) => name.includes(id));
  const hasRun = [...github.state.jobs.values()].some(({ facts: { now } }) => {
    return now.state === 'completed' && now.runner?.name.includes(id) === true;
  });
  if (hasRun) return 'after its job';
  if (runner === undefined) return 'without runner';
  return runner.job === null ? 'idle' : 'busy';
}

function cancelMatrix(world: World, fault: Of<'matrix'>): void {
  const { kernel, github, jobs, cancelled } = world;
  const { repo, durationMs } = fault;
  const from = jobs.length;
  const mates = Array.from({ length: fault.jobs - 1 }, () => ({ durationMs, fails: false }));
  world.addJob({ at: 0, repo, type: '', durationMs, mates });
  const its = jobs.slice(from);
  kernel.at(fault.cancelMs, 'cancel', () => {
    const open = its.filter(({ facts }) => facts.now.state !== 'completed');
    const [first] = open;
    if (!first) return;
    if (open.length > its.length / 2) kernel.mark('fault matrix cancelled');
    for (const job of open) cancelled.add(job);
    github.runners.cancelRun(first.run.repo, first.run.id);
  });
}

function withhold(world: World, { repo, ms, durationMs }: Of<'withheld'>): void {
  world.kernel.mark('fault withheld');
  world.addJob({ at: 0, repo, type: '', durationMs, withheldMs: ms });
}

/** A job that asks for less than ours do, and so takes any runner of the repository. */
function steal({ kernel, github, repos }: World, fault: Of<'theft'>): void {
  const repo = repos[fault.repo];
  if (!repo) return;
  kernel.mark('fault theft');
  const { durationMs } = fault;
  github.jobs.addRun(repo, { jobs: [{ name: 'thief', labels: ['self-hosted'], durationMs }] });
}

function changeRules({ kernel, scenario, writeRules }: World, of: Of<'rules'>): void {
  const { repo, to, isSilent } = of;
  const rules = scenario.repos[repo]?.rules ?? [];
  const lines = ownersLines(scenario.ownRules);
  const lowered = rules.map((rule) => ({ ...rule, max: Math.max(0, rule.max - 1) }));
  const texts: Readonly<Record<typeof to, string | null>> = {
    lower: rulesText(lowered, lines),
    raise: rulesText(raised(rules), lines),
    none: rulesText([], lines),
    disabled: rulesText(rules, [...lines, 'enabled: false']),
    broken: BROKEN,
    missing: null,
    budget: rulesText(rules, [...lines, `budget: ${BUDGET_USD}`]),
  };
  kernel.mark(`fault rules ${to}`);
  if (isSilent) kernel.mark('fault rules silent');
  writeRules(repo, texts[to], isSilent);
}

const OPPOSITE = {
  lower: 'raise',
  zero: 'raise',
  clear: 'raise',
  disable: 'enable',
  raise: 'lower',
  enable: 'disable',
  info: 'info',
} as const;

function command({ people, repos, scenario, github }: World, fault: Of<'command'>): void {
  const [first] = repos;
  const repo = repos[fault.repo] ?? (first && homeOf(scenario, github, first));
  const rules = (scenario.repos[fault.repo] ?? scenario.repos[0])?.rules ?? [];
  if (!repo) return;
  people.say(repo, fault.who, sayingOf(fault.says, rules));
  const other = fault.who === 'admin' ? 'admin' : 'writer';
  if (fault.isTwice) people.say(repo, other, sayingOf(OPPOSITE[fault.says], rules));
}

function uninstall(world: World, { ms }: Of<'uninstall'>): void {
  const { kernel, github, repos, promises, scenario } = world;
  const [installation] = github.state.installations.values();
  if (!installation) return;
  kernel.mark('fault uninstall');
  for (const repo of repos) {
    if (repo.owner === installation.owner) scopesOf(scenario, repo).forEach(promises.taken);
  }
  world.people.excuse();
  github.repos.uninstall(installation.id);
  kernel.at(ms, 'install again', () => installAgain(world));
}

function installAgain({ github, repos, promises, scenario }: World): void {
  const installed = [...github.state.installations.values()].map(({ owner }) => owner);
  for (const owner of github.state.owners.values()) {
    if (installed.includes(owner)) continue;
    github.repos.install(owner);
    for (const repo of repos) {
      if (repo.owner === owner) scopesOf(scenario, repo).forEach(promises.taken);
    }
  }
}

/** SIGTERM: nothing comes in any more, what is under way ends, then the process does. */
function stop(world: World, fault: Of<'stop'>): void {
  const slot = world.slots[fault.slot];
  const { process, app } = slot ?? {};
  if (!slot || !process || !app) return;
  const { kernel } = world;
  kernel.mark('fault stop');
  kernel.trace(`${slot.name}: stops`);
  slot.app = null;
  const end = () => {
    if (!process.isAlive) return;
    process.kill();
    slot.process = null;
    kernel.at(fault.downMs, 'restart', () => {
      if (slot.process === null) world.start(slot);
    });
  };
  process.at(0, 'stop', () => void app.loop.stop().then(() => kernel.at(0, 'stopped', end)));
}

/** Machines come and go fast from then on. */
const AT_ONCE = { bootMs: [1_000, 4_000], endingMs: [1_000, 4_000] } as const;

/** From here on the world is as it should be. */
function calm(world: World): void {
  const { kernel, ec2, scenario } = world;
  kernel.trace('calm');
  const { quotas } = EC2_DEFAULTS;
  ec2.change({ quotas, visibleAfterMs: [0, scenario.lateMs], ...AT_ONCE });
  for (const region of REGIONS) {
    for (const zone of zonesOf(region)) {
      for (const type of new Set(scenario.repos.flatMap(({ rules }) => rules.map((r) => r.type)))) {
        for (const market of ['spot', 'on-demand'] as const) {
          ec2.setCapacity({ zone, type, market }, null);
        }
      }
    }
  }
  installAgain(world);
  for (const ms of RESTORED_AFTER_MS) kernel.at(ms, 'restore', () => restoreRules(world));
  for (const ms of TAKEN_BACK_AFTER_MS) kernel.at(ms, 'take back', () => takeBack(world));
}

/** What was said before may be done late, by who was paused: then a person puts it right again. */
const RESTORED_AFTER_MS = [0, 60_000, 120_000] as const;

function restoreRules(world: World): void {
  const { github, scenario, repos } = world;
  const lines = ownersLines(scenario.ownRules);
  scenario.repos.forEach(({ rules }, index) => {
    const repo = repos[index];
    // Raised rules serve every job as well: whether they were heard of shows at the end.
    if (!repo) return;
    const text = fileAt(github, homeOf(scenario, github, repo));
    const roomy = rulesText(roomyOf(rules), lines);
    if (text !== rulesText(raised(rules), lines) && text !== roomy) world.writeRules(index, roomy);
    const own = ownText(scenario.repos[index]);
    if (scenario.isOwners && fileAt(github, repo) !== own) world.writeOwn(index, own);
  });
}
