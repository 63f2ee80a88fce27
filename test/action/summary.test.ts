import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Hosted, hostedLike, hostedUsd } from '../../action/src/hosted.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { runnerName } from '../../src/model/runner-name.ts';
import type { RunClaims } from '../../src/sandbox/github-oidc.ts';
import { type PeopleWorld, startPeopleWorld } from '../web/people-world.ts';
import { runStep } from './step.ts';

// The post step, in a job that a machine of ours runs: launched by the app for a job of the sandbox.

const HOUR_MS = 3_600_000;

let world: PeopleWorld;
/** As the runner on the machine is called. */
let name: string;
let machine: string;
beforeAll(async () => {
  world = await startPeopleWorld();
  const labels = ['self-hosted', 'dstack'];
  world.model.jobs.addRun(world.repo, {
    jobs: [{ name: 'train', labels, durationMs: HOUR_MS }],
  });
  const instance = await found(async () => {
    const [one] = await world.store.recentInstances(1);
    return one?.state === 'pending' && one.id !== null ? one : undefined;
  });
  machine = instance.id ?? '';
  name = runnerName(machine, instance.launch);
  const { key } = instance;
  await world.store.changeInstance({ key, from: ['pending'], patch: { runnerName: name } });
  const made = world.model.runners.register({ repo: world.repo }, { name, labels });
  if (!made.ok) throw new Error(made.message);
  const link = { onJob() {}, onRemoved() {}, onCancel() {} };
  world.model.runners.connect(made.value.runner.secret, link);
  await found(async () => {
    const [job] = await world.store.recentJobs(1);
    return job?.state === 'in_progress' && job.runnerName === name ? job : undefined;
  });
}, 60_000);
afterAll(() => world.close());

async function found<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (let tries = 0; tries < 400; tries += 1) {
    const value = await look();
    if (value !== undefined) return value;
    await systemClock.sleep(50);
  }
  throw new Error('it did not come about');
}

const tokens = (run: Partial<RunClaims> = {}) =>
  world.oidc.requestFor({ repo: world.repo, ...run });
const both = async (env: Readonly<Record<string, string>>, inputs = {}) => {
  const of = { inputs: { url: world.appUrl, ...inputs }, env: { RUNNER_NAME: name, ...env } };
  const main = await runStep(of);
  return { main, post: await runStep({ ...of, state: main.state }) };
};

describe('the post step', () => {
  test('writes what the job ran on, and GitHub’s price beside it', async () => {
    const { main, post } = await both(tokens());
    expect([main.code, main.summary, main.log]).toEqual([0, '', '']);
    expect([post.code, post.log.replace(/^::add-mask::.*\n/gm, '')]).toEqual([0, '']);
    const [head, , titles, , row, , beside] = post.summary.split('\n');
    expect(head).toBe('### Machine of this job');
    expect(titles).toBe('| Machine | Price | Waited | Ran so far | Cost so far |');
    expect(row).toMatch(
      /^\| `i-[0-9a-f]+` m5\.large spot, eu-west-1[abc] \| \$0\.0\d+\/h \| [\w ]+ s \| [\w ]+ s \| \$0\.0\d+ \|$/,
    );
    expect(row).toContain(machine);
    expect(beside).toMatch(
      /^GitHub's runner with 2 vCPUs, at \$0\.0060 a minute, would have cost \$0\.0\d+: \*\*\$0\.0\d+ more\*\*\.$/,
    );
  });

  test('tells of a public repository that GitHub’s runner is free', async () => {
    const { post } = await both(tokens({ claims: { repository_visibility: 'public' } }));
    expect(post.summary).toContain("GitHub's runner with 4 vCPUs is free for a public repository.");
    expect(post.summary).not.toContain('more');
  });

  test('says nothing on another machine, or where none is wanted', async () => {
    const elsewhere = await both({ ...tokens(), RUNNER_NAME: 'GitHub Actions 7' });
    expect([elsewhere.post.log, elsewhere.post.summary]).toEqual(['', '']);
    const { post } = await both(tokens(), { summary: 'false' });
    expect([post.log, post.summary]).toEqual(['', '']);
  });

  test('is told of a missing permission by the main step, and fails nothing', async () => {
    const { main, post } = await both({});
    expect([main.code, post.code, post.log]).toEqual([0, 0, '']);
    expect(main.log).toMatch(/^::warning .*No summary.*id-token: write$/m);
  });

  test('fails nothing where the app knows no such machine', async () => {
    const { post } = await both({ ...tokens(), RUNNER_NAME: 'dstack-i-0abc-abcdef' });
    expect([post.code, post.summary]).toEqual([0, '']);
    expect(post.log).toContain('does not know yet which job i-0abc runs');
  });
});

test.each<[Parameters<typeof hostedLike>[0], Hosted | undefined]>([
  [
    { arch: 'x64', vcpus: 1 },
    { vcpus: 2, usdPerMinute: 0.006 },
  ],
  [
    { arch: 'x64', vcpus: 48 },
    { vcpus: 64, usdPerMinute: 0.162 },
  ],
  [
    { arch: 'arm64', vcpus: 4 },
    { vcpus: 4, usdPerMinute: 0.008 },
  ],
  [{ arch: 'arm64', vcpus: 96 }, undefined],
])('%j is compared with %j', (machine, hosted) => {
  expect(hostedLike(machine)).toEqual(hosted);
});

test('GitHub counts each minute that is begun', () => {
  const hosted = { vcpus: 2, usdPerMinute: 0.006 };
  expect([0, 1_000, 60_000, 60_001].map((ms) => hostedUsd(hosted, ms))).toEqual([
    0.006, 0.006, 0.006, 0.012,
  ]);
});
