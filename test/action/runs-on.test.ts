import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { systemClock } from '../../src/lib/clock.ts';
import { aPort } from '../processes.ts';
import { type PeopleWorld, startPeopleWorld } from '../web/people-world.ts';
import { runStep } from './step.ts';

// Where jobs are to run: on a machine of ours, or on the fallback.

let world: PeopleWorld;
let closed: string;
beforeAll(async () => {
  world = await startPeopleWorld();
  closed = `http://127.0.0.1:${await aPort()}`;
  await untilOpen();
}, 60_000);
afterAll(() => world.close());

const tokens = () => world.oidc.requestFor({ repo: world.repo });
const choose = (inputs: Readonly<Record<string, string>>, more = {}) =>
  runStep({ inputs: { url: world.appUrl, ...inputs }, env: tokens(), ...more });

/** The first look at the region is over, and machines may start. */
async function untilOpen(): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    const { body } = await world.command(
      world.signIn('acme'),
      'autoscale explain --runs-on dstack',
    );
    if (Object(body.data).code === 'starting') return;
    await systemClock.sleep(100);
  }
  throw new Error('the region did not open');
}

describe('runs-on', () => {
  test.each<[string, string, readonly string[]]>([
    ['words', 'dstack cpu=2', ['dstack', 'cpu=2']],
    [
      'words with commas and lines',
      'self-hosted, dstack\n  memory=4GB',
      ['self-hosted', 'dstack', 'memory=4GB'],
    ],
    ['a list as JSON', '["self-hosted", "dstack/cpu=2"]', ['self-hosted', 'dstack/cpu=2']],
  ])('of %s is these labels when a machine would come', async (_, written, labels) => {
    const { code, log, outputs } = await choose({ 'runs-on': written });
    expect([code, JSON.parse(outputs['runs-on'] ?? '')]).toEqual([0, labels]);
    expect(outputs['is-fallback']).toBe('false');
    expect(outputs['reason']).toMatch(/^m5\.large eu-west-1.: \$0\.\d+ an hour/);
    expect(log).toContain(`runs-on is ${JSON.stringify(labels)}: m5.large`);
  });

  test.each<[string, Readonly<Record<string, string>>, unknown, RegExp]>([
    ['no rule serves them', { 'runs-on': 'dstack gpu=1' }, 'ubuntu-24.04', /gpu=1/],
    ['they are not ours', { 'runs-on': 'ubuntu-latest', fallback: 'x' }, 'x', /No label is dstack/],
    [
      'no rule serves them, and the fallback is a group',
      { 'runs-on': 'dstack cpu=64', fallback: '{"group":"large"}' },
      { group: 'large' },
      /cpu=64/,
    ],
  ])('is the fallback where %s', async (_, inputs, fallback, why) => {
    const { code, log, outputs } = await choose(inputs);
    expect([code, JSON.parse(outputs['runs-on'] ?? '')]).toEqual([0, fallback]);
    expect(outputs['is-fallback']).toBe('true');
    expect(outputs['reason']).toMatch(why);
    expect(log).not.toMatch(/^::(?:error|warning)/m);
  });

  test('is the fallback, with a warning, where the app does not answer', async () => {
    const { code, log, outputs } = await choose({ 'runs-on': 'dstack', url: closed });
    expect([code, outputs['runs-on']]).toEqual([0, '"ubuntu-24.04"']);
    expect(log).toMatch(/^::warning title=dstack::runs-on is "ubuntu-24\.04": .*ECONNREFUSED/m);
  }, 20_000);

  test('is the fallback for a pull request from a fork, which gets no token', async () => {
    const fork = { pull_request: { head: { repo: { id: 8 } } }, repository: { id: 7 } };
    const { code, outputs } = await choose({ 'runs-on': 'dstack' }, { env: {}, event: fork });
    expect([code, outputs['runs-on']]).toEqual([0, '"ubuntu-24.04"']);
    const own = { pull_request: { head: { repo: { id: 7 } } }, repository: { id: 7 } };
    const { code: failed, log } = await choose({ 'runs-on': 'dstack' }, { env: {}, event: own });
    expect([failed, log]).toEqual([1, expect.stringContaining('id-token: write')]);
  });

  test('fails where the set-up is wrong, and says nothing of where to run', async () => {
    const env = world.oidc.requestFor({ repo: world.repo, claims: { aud: 'else' } });
    const { code, outputs } = await choose({ 'runs-on': 'dstack' }, { env });
    expect([code, outputs]).toEqual([1, {}]);
  });

  test.each([
    [{ 'runs-on': '["dstack"' }, /runs-on: write labels/],
    [{ 'runs-on': '["a b"]' }, /runs-on: write labels/],
    [{ 'runs-on': 'dstack', fallback: '["x"' }, /fallback: write a label/],
  ])('of %j is refused before anybody is asked', async (inputs, words) => {
    const { code, log } = await choose(inputs);
    expect([code, log]).toEqual([1, expect.stringMatching(words)]);
    expect(log).not.toContain('add-mask');
  });
});

test('a rule that a command made is there for the runs-on of the same step', async () => {
  const command = 'autoscale allow c5.xlarge --max 1';
  const { code, outputs } = await choose({ command, 'runs-on': 'dstack c5.xlarge' });
  expect([code, outputs['is-fallback']]).toEqual([0, 'false']);
});

test('where all is turned off, nothing starts', async () => {
  await world.command(world.signIn('acme'), 'autoscale disable');
  const { outputs } = await choose({ 'runs-on': 'dstack' });
  expect([outputs['is-fallback'], outputs['reason']]).toEqual([
    'true',
    expect.stringMatching(/^Disabled/),
  ]);
});
