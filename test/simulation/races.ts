import type { Accounts } from '../../src/accounts/port.ts';
import type { GitHub } from '../../src/github/port.ts';
import { isLive } from '../../src/sandbox/ec2-instance.ts';
import type { Job, Repo, Runner } from '../../src/sandbox/github-state.ts';
import type { Process } from '../../src/sandbox/process.ts';
import type { Fault } from './scenario.ts';
import type { World } from './world.ts';

// What happens at the very moment of a call, which no time on a calendar would hit.

type Race = Extract<Fault, { kind: 'race' }>;

export function race(world: World, fault: Race): void {
  if (fault.what === 'reclaim') reclaimUnheard(world);
  else comeToIdle(world, fault);
}

const isIdle = ({ state: { now } }: Runner): boolean => now.isOnline && !now.isBusy;
const hasIdle = ({ runners }: Repo): boolean => [...runners.values()].some(isIdle);

function comeToIdle(world: World, fault: Race): void {
  const idle = world.repos.findIndex(hasIdle);
  world.addJob({ at: 0, repo: idle < 0 ? fault.repo : idle, type: '', durationMs: 5_000 });
}

interface Ports {
  readonly accounts: Accounts;
  readonly github: GitHub;
}

/** What a process calls; a job may come while the runner that it could have is being taken away. */
export function neededAfterAll(world: World, process: Process, { accounts, github }: Ports): Ports {
  const { kernel, faults, repos } = world;
  if (faults.of('needed').length === 0) return { accounts, github };
  const before = async (isMeant: (runner: Runner) => boolean) => {
    const repo = repos.findIndex(({ runners }) =>
      [...runners.values()].some((one) => isIdle(one) && isMeant(one)),
    );
    const fault = repo < 0 ? undefined : faults.needed();
    if (!fault) return;
    kernel.mark('fault needed after all');
    kernel.at(0, 'needed', () => world.addJob({ at: 0, repo, type: '', durationMs: 5_000 }));
    await process.clock.sleep(fault.ms);
  };
  return {
    accounts: {
      ...accounts,
      ec2(account, region) {
        const ec2 = accounts.ec2(account, region);
        const terminate: typeof ec2.terminate = async (ids) => {
          await before(({ name }) => ids.some((id) => name.includes(id)));
          return ec2.terminate(ids);
        };
        return { ...ec2, terminate };
      },
    },
    github: {
      ...github,
      async removeRunner(place, id) {
        await before((runner) => runner.id === id);
        return github.removeRunner(place, id);
      },
    },
  };
}

/** EC2 takes the machines whose runner GitHub has, and has not seen. */
function reclaimUnheard({ kernel, ec2, promises, repos }: World): void {
  const unseen = repos.flatMap(({ runners }) =>
    [...runners.values()].filter(({ link, state }) => link === null && state.now.isThere),
  );
  for (const one of ec2.instances.values()) {
    if (one.market !== 'spot' || !isLive(one)) continue;
    if (!unseen.some(({ name }) => name.includes(one.id))) continue;
    kernel.mark('fault reclaim half-registered');
    promises.reclaim(one);
    ec2.reclaim(one.id, false);
  }
}

const HUNT_EVERY_MS = 4_000;
/** It may never run on what EC2 can take, or not at all. */
const MOST_LOOKS = 200;

/** EC2 takes the machine that a job runs on, and those of its next attempts, so many times in all. */
export function hunt(world: World, first: Job, times: number): void {
  const { kernel, github, ec2, promises } = world;
  let [left, looks] = [times, 0];
  const look = () => {
    looks += 1;
    const { run, spec } = first;
    const job = github.jobs.latest(run).find((one) => one.spec.name === spec.name) ?? first;
    const { state, conclusion, runner } = job.facts.now;
    const machine = [...ec2.instances.values()].find(
      (one) => one.market === 'spot' && isLive(one) && runner?.name.includes(one.id),
    );
    if (state === 'in_progress' && machine) {
      left -= 1;
      kernel.mark(`job hunted ${times - left} times`);
      promises.reclaim(machine);
      ec2.reclaim(machine.id, false);
    }
    const isOver = left === 0 || looks === MOST_LOOKS || conclusion === 'success';
    if (!isOver) kernel.at(HUNT_EVERY_MS, 'hunt', look);
  };
  kernel.at(HUNT_EVERY_MS, 'hunt', look);
}
