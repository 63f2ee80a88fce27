import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { systemClock } from '../../src/lib/clock.ts';
import type { Owner, Repo } from '../../src/sandbox/github-state.ts';
import { rulesText } from '../stage.ts';
import { type PeopleWorld, startPeopleWorld, untilKnown } from '../web/people-world.ts';

// Two owners on one app, of whom one wishes the other ill: equal names, labels, ids and rules, and
// repositories that change hands. Neither reads, spends, launches or ends anything of the other.

const PATH = '.github/dstack.yml';
const RULES = rulesText({ 'm5.large': 4 });

let world: PeopleWorld;
let mallet: Owner;
/** Of the same name, with the same rules. */
let theirs: Repo;
beforeAll(async () => {
  world = await startPeopleWorld(({ model }) => {
    mallet = model.repos.addOwner('mallet');
    model.repos.install(mallet);
    theirs = model.repos.addRepo({ owner: mallet, name: 'app' });
  });
  await until(async () => (await world.store.repo(theirs.id)) !== null);
  world.model.repos.commit(theirs, { [PATH]: RULES });
  await untilKnown(world.store, theirs.id);
}, 60_000);
afterAll(() => world.close());

const ask = (login: string, line: string, repository: string) =>
  world.command(world.signIn(login), line, repository);
const rulesOf = (repo: Repo) => world.model.repos.fileAt(repo, PATH);

async function until(what: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 400; tries += 1) {
    if (await what()) return;
    await systemClock.sleep(50);
  }
  throw new Error('it did not come to be');
}

describe('names', () => {
  test.each(['autoscale info', 'runners', 'autoscale explain', 'autoscale clear'])(
    '%s of the other is for nobody, whoever asks',
    async (line) => {
      const before = rulesOf(world.repo);
      for (const name of ['acme/app', 'ACME/App']) {
        expect((await ask('mallet', line, name)).status).toBe(404);
      }
      const token = world.oidc.issue({ repo: theirs, audience: world.appUrl });
      const answer = await world.command(token, line, 'acme/app');
      expect([answer.status, answer.body.error?.code]).toEqual([403, 'oidc-repository']);
      expect(rulesOf(world.repo)).toBe(before);
    },
  );

  test('equal ones are told apart: a change is in the one that was named', async () => {
    const before = rulesOf(world.repo);
    const done = await ask('mallet', 'autoscale allow m5.large --max 1', 'mallet/app');
    expect(done.body.ok).toBe(true);
    expect(rulesOf(theirs)).toContain('max: 1');
    expect(rulesOf(world.repo)).toBe(before);
  });

  test('that look like a path or another host are none', async () => {
    for (const name of [
      'mallet/../acme/app',
      'acme/app/..',
      'acme%2Fapp',
      'acme/app#',
      'a/b?c=d',
    ]) {
      expect((await ask('mallet', 'runners', name)).status).toBe(400);
    }
  });
});

describe('ids', () => {
  test('of a job of the other are not known here', async () => {
    const { jobs } = world.model.jobs.addRun(world.repo, {
      jobs: [{ name: 'secret-project', labels: ['dstack'], durationMs: 1_000 }],
    });
    const [job] = jobs;
    await until(async () => (await world.store.recentJobs(9)).some(({ id }) => id === job?.id));
    const own = await ask('acme', `autoscale explain ${job?.id}`, 'acme/app');
    expect(own.body.text).toContain('secret-project');
    for (const line of [
      `autoscale explain ${job?.id}`,
      'autoscale explain',
      'autoscale info',
      'runners',
    ]) {
      const answer = await ask('mallet', line, 'mallet/app');
      expect(JSON.stringify(answer.body)).not.toContain('secret-project');
    }
  });

  test.each<[string, () => number]>([
    ['repo', () => world.repo.id],
    ['owner', () => world.repo.owner.id],
    // The two ranges of numbers overlap: neither prefix may stand for the other.
    ['owner', () => world.repo.id],
    ['repo', () => world.repo.owner.id],
  ])('of accounts: %s-… of the other', async (kind, id) => {
    const url = `${world.appUrl}/api/v1/accounts/${kind}-${id()}`;
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const answer = await fetch(url, {
        method,
        headers: {
          authorization: `bearer ${world.signIn('mallet')}`,
          'content-type': 'application/json',
        },
        ...(method === 'PUT' && { body: '{}' }),
      });
      expect(answer.status).toBe(404);
    }
  });
});

describe('machines', () => {
  test('of equal labels serve their own repository, and clear ends only those', async () => {
    const spec = { labels: ['self-hosted', 'dstack'], durationMs: 3_600_000 };
    world.model.jobs.addRun(world.repo, { jobs: [{ name: 'ours', ...spec }] });
    world.model.jobs.addRun(theirs, { jobs: [{ name: 'theirs', ...spec }] });
    const machinesOf = async (repo: Repo) =>
      (await world.store.scopeRows(`repo-${repo.id}`)).instances.filter(({ id }) => id !== null);
    await until(
      async () =>
        (await machinesOf(world.repo)).length > 0 && (await machinesOf(theirs)).length > 0,
    );
    const [ours] = await machinesOf(world.repo);
    const tags = [...world.ec2.instances.values()].map(({ tags }) => tags);
    expect(new Set(tags.map((all) => Object(all)['dstack:scope'])).size).toBe(2);
    expect((await ask('mallet', 'autoscale clear', 'mallet/app')).body.ok).toBe(true);
    expect(await machinesOf(theirs)).toEqual([]);
    expect((await machinesOf(world.repo)).map(({ id }) => id)).toContain(ours?.id);
  }, 60_000);
});

describe('a repository that goes to another owner', () => {
  test('obeys the new one alone, and no token of before', async () => {
    const old = world.oidc.issue({ repo: world.repo, audience: world.appUrl });
    const acme = world.repo.owner;
    world.model.repos.transfer(world.repo, mallet);
    await until(async () => (await world.store.repo(world.repo.id))?.ownerId === mallet.id);
    expect((await ask('acme', 'autoscale clear', 'acme/app')).status).toBe(404);
    expect((await world.command(old, 'autoscale clear', 'acme/app')).status).toBe(409);
    // Its old name is taken by a new one: that is another repository, which the app knows by its id.
    const fresh = world.model.repos.addRepo({ owner: acme, name: 'app' });
    world.model.repos.commit(fresh, { [PATH]: RULES });
    await until(async () => (await ask('acme', 'runners', 'acme/app')).status === 200);
    const before = rulesOf(world.repo);
    await ask('acme', 'autoscale allow c5.xlarge --max 1', 'acme/app');
    expect(rulesOf(fresh)).toContain('c5.xlarge');
    expect(rulesOf(world.repo)).toBe(before);
  }, 60_000);
});
