import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import { serveAws } from './aws-http.ts';
import { createEc2 } from './ec2.ts';
import type { Ec2Model } from './ec2-model.ts';
import { type GitHubHttp, serveGitHub } from './github-http.ts';
import type { Job, JobSpec } from './github-state.ts';
import { createKernel, type Kernel } from './kernel.ts';
import type { Machines } from './machine.ts';
import { createProcessMachines } from './machine-process.ts';

// A world for the demo: GitHub and EC2 on loopback, machines as real processes, and a repository in
// which work arrives. Everything in it is pretended except the app's own code.

export interface DemoWorldDeps {
  readonly seed: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly searchPath: string;
}

export interface DemoWorld {
  readonly kernel: Kernel;
  readonly github: GitHubHttp;
  readonly ec2: Ec2Model;
  readonly machines: Machines;
  readonly awsUrl: string;
  readonly region: string;
  readonly rules: string;
  /** Where GitHub sends webhooks from now on. */
  sendWebhooksTo(url: string): void;
  /** Our own intents, so that a launch without one is noticed at the moment it is made. */
  knowIntents(hasIntent: (launch: string) => boolean): void;
  /** Queues a run of at most that many jobs; answers how many it has. */
  queueRun(most: number): number;
  jobs(): JobCounts;
  close(): Promise<void>;
}

export interface JobCounts {
  readonly queued: number;
  readonly running: number;
  readonly succeeded: number;
  /** Ended otherwise, or given up. */
  readonly lost: number;
}

const REGION = 'eu-west-1';
const MAXIMA: ReadonlyMap<string, number> = new Map([
  ['m5.large/eu-west-1', 4],
  ['c5.xlarge/eu-west-1', 2],
]);
const RULES = `autoscale:
  region: ${REGION}
  rules:
    - instance-type: m5.large
      max: 4
    - instance-type: c5.xlarge
      max: 2
`;

/** Seconds here stand for minutes there: a demo should not be waited for. */
const EC2_PACE = { bootMs: [500, 1_500], visibleAfterMs: [0, 200], endingMs: [300, 900] } as const;
const GITHUB_PACE = {
  pointsPerMinute: Number.POSITIVE_INFINITY,
  assignMs: [50, 300],
  acquireMs: [20, 100],
  hookDelayMs: [10, 80],
} as const;

export async function createDemoWorld(deps: DemoWorldDeps): Promise<DemoWorld> {
  const { clock, random, seed } = deps;
  const kernel = createKernel({ seed, startAt: clock.now() });
  const github = await serveGitHub({ kernel, random, clock, real: clock, knobs: GITHUB_PACE });
  const ec2 = createEc2(kernel, EC2_PACE);
  const aws = await serveAws({ kernel, model: ec2, clock });
  const machines = await createProcessMachines({ ...deps, kernel, ec2 });
  const { repos, state } = github.model;
  const owner = repos.addOwner('octo-org');
  const repo = repos.addRepo({ owner, name: 'web', files: { '.github/dstack.yml': RULES } });
  repos.install(owner);
  const runs = createRuns({ kernel, addRun: (spec) => github.model.jobs.addRun(repo, spec).jobs });
  const isBusy = (instance: string) =>
    [...state.runners.values()].some((one) => one.name.includes(instance) && one.state.now.isBusy);
  const pump = kernel.pump(clock, { speed: 1 });
  return {
    kernel,
    github,
    ec2,
    machines,
    awsUrl: aws.url,
    region: REGION,
    rules: RULES,
    sendWebhooksTo(url) {
      github.app.hookUrl = url;
    },
    knowIntents: (hasIntent) =>
      ec2.watch({
        hasIntent,
        maxOf: (_, rule) => MAXIMA.get(rule),
        mustNotEnd: ({ id }) => isBusy(id),
      }),
    ...runs,
    async close() {
      await machines.close();
      await github.close();
      await aws.close();
      await pump.stop();
    },
  };
}

const NAMES = ['build', 'test (1)', 'test (2)', 'lint'];
const LEAST_JOB_MS = 800;
const MOST_JOB_MS = 3_000;

interface RunsDeps {
  readonly kernel: Kernel;
  readonly addRun: (spec: { workflow: string; jobs: readonly JobSpec[] }) => readonly Job[];
}

/** The work that was queued, counted until it ends: GitHub's model forgets what ended long ago. */
function createRuns({ kernel, addRun }: RunsDeps): Pick<DemoWorld, 'queueRun' | 'jobs'> {
  let open: Job[] = [];
  const ended = { succeeded: 0, lost: 0 };

  function settle(): void {
    for (const job of open.filter((one) => one.facts.now.state === 'completed')) {
      ended[job.facts.now.conclusion === 'success' ? 'succeeded' : 'lost'] += 1;
    }
    open = open.filter((one) => one.facts.now.state !== 'completed');
  }

  return {
    queueRun(most) {
      const names = NAMES.slice(0, Math.max(1, Math.min(NAMES.length, most)));
      const jobs = names.map((name) => ({
        name,
        labels: ['self-hosted', 'dstack', ...(name === 'build' ? ['c5.xlarge'] : [])],
        durationMs: LEAST_JOB_MS + Math.floor(kernel.rand('job') * (MOST_JOB_MS - LEAST_JOB_MS)),
      }));
      kernel.at(0, 'run', () => open.push(...addRun({ workflow: 'CI', jobs })));
      return names.length;
    },
    jobs() {
      settle();
      const running = open.filter((one) => one.facts.now.state === 'in_progress').length;
      return { queued: open.length - running, running, ...ended };
    },
  };
}
