import { describe, expect, test } from '@jest/globals';
import { isDone, isRunning, MINUTE, rulesText, SECOND } from '../stage.ts';
import { openTeam, thread } from './thread.ts';

const EXPLAIN = '/dstack autoscale explain --runs-on';

describe('a job that is not there yet', () => {
  test.each<[string, string, RegExp]>([
    [
      'gets a machine',
      'dstack,cpu=2',
      /`dstack` `cpu=2` \*\*would get a machine now\.\*\* m5\.large /,
    ],
    ['waits where no rule serves it', 'dstack,cpu=64', /would wait\.\*\* .*cpu=64/],
    ['waits where a label cannot be read', 'dstack,cpu=lots', /would wait\.\*\* .*cpu=lots/],
    [
      'is left to others',
      'ubuntu-latest',
      /would wait\.\*\* No label is dstack or begins with dstack\//,
    ],
  ])('%s', async (_, labels, words) => {
    const stage = await openTeam();
    const { reply } = await thread(stage).say(`${EXPLAIN} ${labels}`, 'wendy');
    expect(reply).toMatch(words);
    expect(stage.live()).toEqual([]);
  });

  test.each([
    ['no rule', rulesText({}), 'There are no rules'],
    ['a rule that is off', rulesText({ 'm5.large': 4 }, 'enabled: false'), 'Disabled'],
  ])('waits with %s', async (_, rules, words) => {
    const { reply } = await thread(await openTeam(rules)).say(`${EXPLAIN} dstack`);
    expect(reply).toContain('would wait');
    expect(reply).toContain(words);
  });

  test('waits where all machines are in use, long after the last word of GitHub', async () => {
    const stage = await openTeam(rulesText({ 'm5.large': 1 }));
    await stage.pass(30 * MINUTE);
    const { say } = thread(stage);
    expect((await say(`${EXPLAIN} dstack`)).reply).toContain('would get a machine now');
    await stage.until(isRunning(stage.addJobs(1, { durationMs: 30 * MINUTE })));
    const { reply } = await say(`${EXPLAIN} dstack`);
    expect(reply).toMatch(/would wait\.\*\* m5\.large.*1 of 1 machines in use/);
  });
});

test('a job that runs is explained with how long it waited', async () => {
  const stage = await openTeam();
  const [job] = stage.addJobs(1, { durationMs: 30 * MINUTE });
  if (!job) throw new Error('no job');
  await stage.until(isRunning([job]));
  await stage.pass(30 * SECOND);
  const { reply } = await thread(stage).say(`/dstack autoscale explain ${job.id}`);
  expect(reply).toMatch(
    /in progress after .*, having waited \d+ (?:s|min \d+ s)\. On `i-[0-9a-f]+`/,
  );
  // A machine that is gone is found all the same, and told with its cost.
  await stage.until(isDone([job]), 40 * MINUTE);
  await stage.until(() => stage.live().length === 0, 2 * MINUTE);
  const after = await thread(stage, 'c').say(`/dstack autoscale explain ${job.id}`);
  expect(after.reply).toMatch(/success after .* On `i-[0-9a-f]+` .*\$0\.\d+/);
  const both = await thread(stage, 'b').say(`/dstack autoscale explain ${job.id} --runs-on dstack`);
  expect(both.reply).toContain('not both');
});
