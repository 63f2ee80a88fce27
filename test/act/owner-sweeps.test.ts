import { expect, test } from '@jest/globals';
import { isDone, MINUTE, R, SECOND } from '../stage.ts';
import { openOwner } from './owner-world.ts';

// An owner's repositories where another process may hold the scope: who sweeps the quiet ones.

const rules = (max: number, more = '') =>
  `autoscale:\n  region: eu-west-1\n${more}  rules:\n    - instance-type: m5.large\n      max: ${max}\n`;

test('a sweep whose turn came while another process held the scope is made up for', async () => {
  const { stage, lib, addJobs } = await openOwner({ owners: rules(2) });
  await stage.pass(2 * R);
  const name = `owner-${lib.owner.id}` as const;
  const lasts = { now: stage.kernel.now(), ttlMs: 65 * MINUTE };
  expect(await stage.store.lease({ name, holder: 'another', ...lasts })).not.toBeNull();
  stage.knobs.hookFault = () => ({ kind: 'outage' });
  addJobs(lib, 1);
  await stage.pass(65 * MINUTE);
  expect(stage.live()).toEqual([]);
  await stage.until(() => stage.live().length === 1, 3 * R);
});

test('who reads the file of an owner leaves the scope to others for most of the time', async () => {
  const own = rules(2);
  const { stage, lib, addJobs } = await openOwner({
    owners: rules(2, '  own-rules: allow\n'),
    lib: own,
  });
  // Somebody works there, so it is swept each R, and its owner's file with it.
  await stage.until(isDone(addJobs(lib, 1)), 10 * MINUTE);
  await stage.pass(5 * R);
  const name = `owner-${lib.owner.id}` as const;
  let free = 0;
  for (let second = 0; second < 120; second += 5) {
    const ask = { name, holder: 'another', now: stage.kernel.now(), ttlMs: 1 };
    free += (await stage.store.lease(ask)) === null ? 0 : 1;
    await stage.pass(5 * SECOND);
  }
  expect(free).toBeGreaterThanOrEqual(12);
});

test('what one sweep finds in the file of the owner, all of their repositories go by', async () => {
  const { stage, home, lib, addJobs, push } = await openOwner({
    owners: rules(2, '  own-rules: allow\n'),
    rules: rules(2),
    lib: rules(2),
  });
  // Of the two only this one is swept each R.
  await stage.until(isDone(addJobs(lib, 1)), 10 * MINUTE);
  await stage.pass(2 * R);
  const scopes = () =>
    Promise.all([lib, stage.repo].map(async ({ id }) => (await stage.store.repo(id))?.scope));
  expect(await scopes()).toEqual([`repo-${lib.id}`, `repo-${stage.repo.id}`]);
  stage.knobs.hookFault = () => ({ kind: 'outage' });
  push(home, rules(2));
  await stage.pass(3 * R);
  const owner = `owner-${lib.owner.id}`;
  expect(await scopes()).toEqual([owner, owner]);
});
