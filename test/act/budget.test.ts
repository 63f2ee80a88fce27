import { describe, expect, test } from '@jest/globals';
import { unfitFor } from '../../src/act/own-views.ts';
import { anOffer } from '../builders.ts';
import { isDone, isRunning, MINUTE, R, rulesText, SECOND, type Stage } from '../stage.ts';
import { openOwner } from './owner-world.ts';
import { openTeam, thread } from './thread.ts';

// A budget, and machines whose price nobody tells.

const DENIED = { ec2: { denied: ['GetProducts'] } };
const onDemand = (more = '') =>
  `${rulesText({ 'm5.large': 4 }, more)}      spot-policy: on-demand\n`;

const texts = async (stage: Stage): Promise<readonly string[]> => {
  const jobs = await stage.store.recentJobs(100);
  const waiting = jobs.filter(({ state }) => state === 'queued');
  return [...new Set(waiting.map(({ reason }) => reason?.text ?? ''))];
};

const spentIn = async (stage: Stage): Promise<{ usd: number; info: string }> => {
  const { reply: info } = await thread(stage).say('/dstack autoscale info');
  return { usd: Number(/This month so far: \$(\d+\.?\d*)/.exec(info)?.[1]), info };
};

describe('where AWS does not tell the price list', () => {
  test('nothing starts on demand under a budget, and the reason says what to grant', async () => {
    const stage = await openTeam(onDemand('budget: 0.01'), DENIED);
    stage.addJobs(2);
    await stage.pass(10 * MINUTE);
    expect(stage.calls.get('ec2.launch')).toBeUndefined();
    expect(await stage.reasons()).toEqual(['iam']);
    const [text] = await texts(stage);
    expect(text).toContain('under a budget');
    expect(text).toContain('pricing:GetProducts');
  });

  test('a repository with a budget of its own waits, and others of its owner do not', async () => {
    const lib = rulesText({ 'm5.large': 4 }, 'budget: 5');
    const owner = await openOwner({ owners: onDemand(), lib, ...DENIED });
    const [its, others] = [owner.addJobs(owner.lib, 1), owner.addJobs(owner.stage.repo, 1)];
    await owner.stage.until(isDone(others));
    await owner.stage.pass(5 * MINUTE);
    expect(its.map(({ facts }) => facts.now.state)).toEqual(['queued']);
    expect(await owner.stage.reasons()).toEqual(['price-cap']);
    const [text] = await texts(owner.stage);
    expect(text).toContain("budget of this repository's own file");
    expect(text).toContain('pricing:GetProducts');
    owner.push(owner.lib, rulesText({ 'm5.large': 4 }, 'max-duration: 5h'));
    await owner.stage.until(isDone(its));
  });

  test('a machine counts with disk and address, and `info` says so, until its price is told', async () => {
    const stage = await openTeam(onDemand(), DENIED);
    const jobs = stage.addJobs(1, { durationMs: 60 * MINUTE });
    await stage.until(isDone(jobs), 90 * MINUTE);
    const before = await spentIn(stage);
    expect(before.usd).toBeLessThan(0.01);
    expect(before.info).toContain('AWS tells no price of 1 machine');
    stage.ec2.change({ denied: [] });
    await stage.pass(R);
    await spentIn(stage);
    const after = await spentIn(stage);
    expect(after.usd).toBeGreaterThan(0.1);
    expect(after.info).not.toContain('no price');
  });
});

test.each<[string, number | null, number | null, number | null, string | null]>([
  ['nothing', null, null, null, null],
  ['a max-price that is higher', 0.1, 0.2, null, null],
  ['a max-price that is lower', 0.3, 0.2, null, 'above max-price'],
  ['a max-price, and no price', null, 0.2, 5, 'under the max-price of this'],
  ['a budget, and a price', 0.3, null, 5, null],
  ['a budget, and no price', null, null, 5, 'under the budget of this'],
])('an own file with %s', (_, priceUsd, maxPriceUsd, budgetUsd, why) => {
  const offer = anOffer({ priceUsd, market: 'on-demand' });
  const rules = new Map([[offer.rule, { max: 1, maxPriceUsd }]]);
  const text = unfitFor({ rules, budgetUsd }, offer)?.text ?? null;
  expect(text).toEqual(why === null ? null : expect.stringContaining(why));
});

test('a machine that was adopted costs what spot machines in its zone cost now', async () => {
  const stage = await openTeam(rulesText({ 'm5.large': 1 }, 'budget: 0.03'));
  const jobs = stage.addJobs(1, { durationMs: 90 * MINUTE });
  await stage.until(isRunning(jobs));
  stage.loseStore();
  await stage.pass(80 * MINUTE);
  const [row] = await stage.store.recentInstances(9);
  expect(row).toMatchObject({ priceUsd: null, state: 'busy' });
  stage.addJobs(1);
  await stage.pass(20 * SECOND);
  expect(await stage.reasons()).toEqual(['budget']);
  const { usd, info } = await spentIn(stage);
  expect(usd).toBeGreaterThan(0.03);
  // On demand it would have been so much an hour.
  expect(usd).toBeLessThan(0.107);
  expect(info).not.toContain('no price');
});
