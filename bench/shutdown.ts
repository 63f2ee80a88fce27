import { createHmac, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock as clock } from '../src/lib/clock.ts';
import { systemRandom as random } from '../src/lib/random.ts';
import { serveAws } from '../src/sandbox/aws-http.ts';
import { createEc2 } from '../src/sandbox/ec2.ts';
import { generateKey } from '../src/sandbox/github-app.ts';
import { type GitHubHttp, serveGitHub } from '../src/sandbox/github-http.ts';
import { createKernel, type Kernel } from '../src/sandbox/kernel.ts';
import { type AwsFront, serveAwsFront } from './lib/aws-front.ts';
import { type Child, startChild } from './lib/child.ts';
import { median, quantile, rounded } from './lib/figures.ts';

// How long it takes from the comment `/dstack autoscale clear` to the TerminateInstances of 100
// machines that run jobs: GitHub's webhook in, the whole app, its real clients, a sandbox GitHub and
// EC2 by HTTP. Beside it the bare parts of that path: the same requests, one after the other.

const MACHINES = 100;
/** EC2 takes a thousand machines at once in a region, then two a second. */
const ROUNDS = 8;
const LIMIT_MS = 30_000;
const POLL_MS = 20;
/** What a new repository makes the app look at is over by then. */
const QUIET_MS = 300;
const TARGETS = { p99Ms: 2_000, githubCalls: 5, ec2Calls: 5 };
const RULES = `autoscale:
  region: eu-west-1
  rules:
    - instance-type: m5.large
      max: ${MACHINES}
`;
const AT_ONCE = { assignMs: [0, 0], acquireMs: [0, 0], hookDelayMs: [0, 0] } as const;

interface World {
  readonly kernel: Kernel;
  readonly github: GitHubHttp;
  readonly aws: AwsFront;
  readonly app: Child;
}

interface Sample {
  readonly ms: number;
  readonly bareMs: number;
  /** Without those for tokens. */
  readonly githubCalls: number;
  readonly tokens: number;
  readonly ec2Calls: number;
}

async function open(folder: string): Promise<World> {
  const kernel = createKernel({ seed: 1, startAt: clock.now() });
  const privateKey = generateKey();
  // What each owner may spend in an hour is no matter here.
  const knobs = { ...AT_ONCE, rateLimit: 1_000_000 };
  const github = await serveGitHub({ kernel, random, clock, real: clock, privateKey, knobs });
  const model = createEc2(kernel, { bootMs: [0, 0], visibleAfterMs: [0, 0] });
  // Neither quotas nor rates of calls are what is measured.
  model.change({ hasRateLimits: false, quotas: { 'standard spot': MACHINES * ROUNDS * 4 } });
  const sandbox = await serveAws({ kernel, model, clock });
  const aws = await serveAwsFront(sandbox.url);
  kernel.pump(clock, { speed: 1 });
  const { id, pem, webhookSecret } = github.app;
  const of = [folder, github.url, aws.url, String(id), pem, webhookSecret];
  const app = await startChild('shutdown-server.ts', of);
  github.app.hookUrl = `http://127.0.0.1:${await app.ask('port')}/api/github/webhooks`;
  return { kernel, github, aws, app };
}

/** A repository of an owner of its own, so that GitHub's limits are no matter, with its machines at work. */
async function openRepo({ kernel, github, app }: World, round: number) {
  const { repos, jobs, issues } = github.model;
  const repo = await kernel.visit('round', () => {
    const owner = repos.addOwner(`owner-${round}`);
    const made = repos.addRepo({ owner, name: 'app', files: { '.github/dstack.yml': RULES } });
    repos.install(owner);
    issues.setCollaborator(made, 'alice', 'admin');
    const labels = ['self-hosted', 'dstack'];
    const specs = Array.from({ length: MACHINES }, (_, i) => ({ name: `job ${i}`, labels }));
    jobs.addRun(made, { jobs: specs.map((spec) => ({ ...spec, durationMs: 3_600_000 })) });
    return made;
  });
  const limit = performance.now() + LIMIT_MS;
  let busy = 0;
  while (busy < MACHINES) {
    busy += await app.ask('makeBusy');
    if (performance.now() > limit) throw new Error(`${busy} of ${MACHINES} machines came`);
    await sleep(POLL_MS);
  }
  return repo;
}

async function inTime<T>(what: Promise<T>, name: string): Promise<T> {
  const found = await Promise.race([what, sleep(LIMIT_MS, undefined, { ref: false })]);
  if (found === undefined) throw new Error(`${name} did not come`);
  return found;
}

async function play(world: World, round: number): Promise<Sample> {
  const { kernel, github, aws, app } = world;
  const repo = await openRepo(world, round);
  const { issues } = github.model;
  const issue = await kernel.visit('issue', () => issues.addIssue(repo));
  while ((await app.ask('quietMs')) < QUIET_MS) await sleep(POLL_MS);
  await app.ask('forget');
  aws.forget();
  const ended = aws.terminated();
  const start = performance.now();
  await kernel.visit('comment', () =>
    issues.addComment(repo, issue.number, '/dstack autoscale clear', 'alice'),
  );
  const { at, machines } = await inTime(ended, 'TerminateInstances');
  const ec2Calls = aws.calls.length;
  if (machines !== MACHINES) throw new Error(`${machines} of ${MACHINES} machines were ended`);
  const githubCalls = await app.ask('calls');
  const tokens = await app.ask('tokens');
  const bareMs = await playBare(world);
  const isAnswered = () => repo.talk.comments.size > 1;
  const limit = performance.now() + LIMIT_MS;
  while (!isAnswered() && performance.now() < limit) await sleep(POLL_MS);
  if (!isAnswered()) throw new Error('the comment was not answered');
  return { ms: at - start, bareMs, githubCalls, tokens, ec2Calls };
}

async function playBare({ aws, app, github }: World): Promise<number> {
  const ended = aws.terminated();
  const body = 'x'.repeat(8_000);
  const signature = createHmac('sha256', github.app.webhookSecret).update(body).digest('hex');
  const headers = {
    'x-hub-signature-256': `sha256=${signature}`,
    'x-github-delivery': randomUUID(),
  };
  const url = `http://127.0.0.1:${await app.ask('barePort')}`;
  const start = performance.now();
  await fetch(url, { method: 'POST', body, headers });
  return (await inTime(ended, 'the bare TerminateInstances')).at - start;
}

export async function bench() {
  const folder = mkdtempSync(join(tmpdir(), 'dstack-bench-'));
  try {
    const world = await open(folder);
    const samples: Sample[] = [];
    // The round before the first warms up.
    for (let round = 0; round <= ROUNDS; round++) {
      const sample = await play(world, round);
      if (round > 0) samples.push(sample);
    }
    await world.app.stop();
    const all = (figure: (of: Sample) => number) => samples.map(figure);
    const figures = {
      p50Ms: rounded(median(all(({ ms }) => ms))),
      p99Ms: rounded(
        quantile(
          all(({ ms }) => ms),
          0.99,
        ),
      ),
      partsP50Ms: rounded(median(all(({ bareMs }) => bareMs))),
      partsP99Ms: rounded(
        quantile(
          all(({ bareMs }) => bareMs),
          0.99,
        ),
      ),
      githubCalls: Math.max(...all(({ githubCalls }) => githubCalls)),
      tokenCalls: Math.max(...all(({ tokens }) => tokens)),
      ec2Calls: Math.max(...all(({ ec2Calls }) => ec2Calls)),
      machines: MACHINES,
      rounds: samples.length,
    };
    const holds =
      figures.p99Ms <= TARGETS.p99Ms &&
      figures.githubCalls <= TARGETS.githubCalls &&
      figures.ec2Calls <= TARGETS.ec2Calls;
    return { bench: 'shutdown' as const, holds, figures, targets: TARGETS };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
