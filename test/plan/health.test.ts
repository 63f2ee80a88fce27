import { describe, expect, test } from '@jest/globals';
import type { PastMachine, World } from '../../src/model/world.ts';
import { plan } from '../../src/plan/plan.ts';
import { aBusy, anInstance, anOffer, aRule, aWorld, MINUTE, NOW, someJobs } from '../builders.ts';

/** Launched an hour ago, and ended because it did not register in 5 minutes. */
const failed = (given: Partial<PastMachine> = {}): PastMachine => ({
  id: 'i-1',
  createdAt: NOW - 60 * MINUTE,
  zone: 'us-east-1a',
  launchedAt: NOW - 60 * MINUTE,
  hasRegistered: false,
  endAskedAt: NOW - 55 * MINUTE,
  goneAt: NOW - 10 * MINUTE,
  reason: 'not registered 5 min after its launch',
  refusal: '',
  ...given,
});
const ADOPTED = { createdAt: NOW - 59 * MINUTE, endAskedAt: NOW - 50 * MINUTE };
const OFF = { endAskedAt: null, reason: 'Client.InstanceInitiatedShutdown' };
const refused = (code: string, given: Partial<PastMachine> = {}): PastMachine =>
  failed({ launchedAt: null, endAskedAt: null, id: null, refusal: code, ...given });
const died = (reason: string): PastMachine => failed({ endAskedAt: null, reason });
const knocked = failed({ hasKnocked: true });
const well = failed({ hasRegistered: true });

function told(history: readonly PastMachine[], given: Partial<World> = {}) {
  const world = aWorld({ jobs: someJobs(3), rules: [aRule({ max: 9, history })], ...given });
  const { actions, waits } = plan(world, NOW);
  const launched = actions.map((action) => (action.kind === 'launch' ? action.count : 0));
  return { launched: launched.reduce((sum, n) => sum + n, 0), last: waits.at(-1)?.reason };
}

describe('a rule', () => {
  test.each<[string, readonly PastMachine[], number]>([
    ['two machines did not register', [failed(), failed()], 3],
    ['three did not', [failed(), failed(), failed()], 0],
    ['a newer one did', [well, failed(), failed(), failed()], 3],
    ['one between them did', [failed(), failed(), well, failed()], 3],
    [
      'three died before they registered',
      [died('Client.InternalError: key'), failed(), failed()],
      0,
    ],
    ['one powered itself off', [died('Client.InstanceInitiatedShutdown'), failed(), failed()], 0],
    ['EC2 took one of three', [died('Server.SpotInstanceTermination: x'), failed(), failed()], 3],
    [
      'somebody ended one by hand',
      [died('Client.UserInitiatedShutdown: x'), failed(), failed()],
      3,
    ],
    ['we ended one soon', [failed({ endAskedAt: NOW - 59 * MINUTE }), failed(), failed()], 3],
    [
      'the third is about to be ended',
      [failed({ endAskedAt: null, goneAt: null }), failed(), failed()],
      0,
    ],
    [
      'the third is still booting',
      [failed({ endAskedAt: null, goneAt: null, launchedAt: NOW - MINUTE }), failed(), failed()],
      3,
    ],
    [
      'one was known again only a minute before its end, after a lost database',
      [failed({ createdAt: NOW - 56 * MINUTE }), failed(), failed()],
      3,
    ],
    ['one was never launched', [refused(''), failed(), failed()], 3],
    [
      'EC2 had no capacity between',
      [failed(), refused('InsufficientInstanceCapacity'), failed(), failed()],
      0,
    ],
    ['one asked to register, and GitHub was silent', [knocked, failed(), failed()], 3],
    ['all asked to register, and GitHub was silent', [knocked, knocked, knocked], 3],
    [
      'one that asked in vain is between three that did not',
      [failed(), knocked, failed(), failed()],
      0,
    ],
  ])('launches when %s: as many as that', (_, history, expected) => {
    expect(told(history).launched).toBe(expected);
  });

  test.each<[string, Partial<PastMachine>, number, number]>([
    ['had the time to register before', {}, 30, 0],
    ['had the time to register after it', { endAskedAt: NOW - 45 * MINUTE }, 50, 0],
    ['was ended a minute after it', {}, 56, 3],
    ['powered itself off while nobody was there', OFF, 11, 3],
    ['powered itself off before', OFF, 5, 0],
    ['was known again after a lost database', ADOPTED, 52, 0],
  ])('whose machines saw the app start anew, and each %s', (_, given, minutes, launched) => {
    const history = [failed(given), failed(given), failed(given)];
    const reachableSince = NOW - minutes * MINUTE;
    expect(told(history, { reachableSince }).launched).toBe(launched);
  });

  test('that is paused says since when, what may help, and which machine to look at', () => {
    const { last } = told([failed({ id: 'i-0123456789abcdef0' }), failed(), failed()]);
    expect(last).toEqual({
      code: 'sick',
      text: 'm5.large in us-east-1: 3 machines in a row did not register (the last: i-0123456789abcdef0); next try 14:20:00 UTC, a push or command',
    });
    expect(last?.text.length).toBeLessThanOrEqual(140);
  });

  test('is tried with one machine after 30 minutes, and with no second before that registers', () => {
    const old = failed({ goneAt: NOW - 30 * MINUTE });
    const history = [old, failed(), failed()];
    expect(told(history).launched).toBe(1);
    const coming = { instances: [anInstance()] };
    expect(told(history, coming)).toMatchObject({ launched: 0, last: { code: 'sick' } });
    // One that registered before the others failed takes no part in it.
    const busy = aBusy({ key: 'b.0' });
    expect(told(history, { instances: [busy] }).launched).toBe(1);
    expect(told([well, ...history], coming).launched).toBe(2);
  });

  test('does not stop another that serves the job', () => {
    const rules = [aRule({ history: [failed(), failed(), failed()] }), aRule({ type: 'c5.large' })];
    const offers = [anOffer(), anOffer({ type: 'c5.large', priceUsd: 1 })];
    expect(told([], { rules, offers }).launched).toBe(3);
  });
});

describe('what EC2 finds too cheap', () => {
  const tooLow = (ago: number) =>
    refused('SpotMaxPriceTooLow', { createdAt: NOW - ago * MINUTE, goneAt: NOW - ago * MINUTE });
  const offers = [anOffer(), anOffer({ zone: 'us-east-1b', priceUsd: 0.05 })];
  const zones = (history: readonly PastMachine[], given = offers) => {
    const rules = [aRule({ history, maxPriceUsd: 1 })];
    const { actions, waits } = plan(aWorld({ jobs: someJobs(1), rules, offers: given }), NOW);
    const launched = actions.map((action) => (action.kind === 'launch' ? action.offer.zone : ''));
    return [...launched, waits[0]?.reason.code];
  };

  test.each([
    ['nothing was refused', [], 'us-east-1a'],
    ['the zone was refused just now', [tooLow(1)], 'us-east-1b'],
    ['that is 3 minutes ago', [tooLow(3)], 'us-east-1a'],
  ])('is left alone in its zone, when %s', (_, history, zone) => {
    expect(zones(history)).toEqual([zone, 'starting']);
  });

  test('is what the job waits for where there is no other zone', () => {
    expect(zones([tooLow(1)], [anOffer()])).toEqual(['price-cap']);
  });

  test('is no matter of an on-demand offer there', () => {
    const onDemand = anOffer({ market: 'on-demand', priceUsd: 0.09 });
    expect(zones([tooLow(1)], [anOffer(), onDemand])).toEqual(['us-east-1a', 'starting']);
  });
});

describe('what EC2 refuses for the rule itself', () => {
  const code = 'InvalidAMIID.NotFound';
  const at = (ago: number) => ({ createdAt: NOW - ago * MINUTE, goneAt: NOW - ago * MINUTE });

  test('is said, and asked again after 5 minutes', () => {
    expect(told([refused(code, at(1))])).toEqual({
      launched: 0,
      last: {
        code: 'refused',
        text: 'm5.large in us-east-1: the image is not there for this account and region; next try 14:04:00 UTC, a push or command',
      },
    });
    expect(told([refused(code, at(5))]).launched).toBe(3);
  });

  test.each([
    ['as long again as it was refused so far', [10, 30], 10, true],
    ['no longer than that', [20, 30], 10, false],
    ['half an hour at most', [30, 600], 570, false],
    ['from the last success on', [6, 7], 0, false],
  ])('and then: %s', (_, agos, __, isPaused) => {
    const history = agos.map((ago) => refused(code, at(ago)));
    expect(told(history).launched === 0).toBe(isPaused);
  });

  test('is anything that nobody has a word for, and not what is shared', () => {
    expect(told([refused('SomethingNew', at(1))]).launched).toBe(0);
    expect(told([refused('MaxSpotInstanceCountExceeded', at(1))]).launched).toBe(3);
    expect(told([refused('RequestLimitExceeded', at(1))]).launched).toBe(3);
    expect(
      told([refused('InsufficientInstanceCapacity', at(1)), refused(code, at(2))]).launched,
    ).toBe(0);
  });
});
