import { describe, expect, test } from '@jest/globals';
import type { JobView, World } from '../../src/model/world.ts';
import { labelsFor, plan } from '../../src/plan/plan.ts';
import { aJob, anInstance, anOffer, aRule, aWorld, MINUTE, NOW } from '../builders.ts';

const both = aRule({ markets: ['spot', 'on-demand'] });
const spot = anOffer({ priceUsd: 0.03 });
const onDemand = anOffer({ priceUsd: 0.1, market: 'on-demand' });

const asking = (id: number, ...labels: string[]): JobView =>
  aJob({ id, labels: ['dstack', ...labels], queuedAt: NOW - 1_000 + id });

function launched(given: Partial<World>): readonly (readonly [string, number])[] {
  const world = aWorld({ rules: [both], offers: [spot, onDemand], ...given });
  return plan(world, NOW).actions.flatMap((action) =>
    action.kind === 'launch' ? [[action.offer.market, action.count] as const] : [],
  );
}
const codes = (given: Partial<World>): readonly string[] =>
  plan(aWorld({ rules: [both], offers: [spot, onDemand], ...given }), NOW).waits.map(
    ({ reason }) => reason.code,
  );

describe('the market that a job asks for', () => {
  test.each<[string, readonly (readonly [string, number])[]]>([
    ['spot=spot', [['spot', 1]]],
    ['spot=auto', [['spot', 1]]],
    ['spot=on-demand', [['on-demand', 1]]],
    ['dstack/spot=on-demand/cpu=2', [['on-demand', 1]]],
  ])('with %s is that of its machine', (label, expected) => {
    expect(launched({ jobs: [asking(1, label)] })).toEqual(expected);
  });

  test('leaves the others the cheapest, within one maximum', () => {
    const jobs = [asking(1), asking(2, 'spot=on-demand'), asking(3)];
    expect(launched({ jobs })).toEqual([
      ['spot', 2],
      ['on-demand', 1],
    ]);
    const few = launched({ jobs, rules: [{ ...both, max: 2 }] });
    expect(few.reduce((sum, [, count]) => sum + count, 0)).toBe(2);
  });

  test('is waited for while it has no capacity', () => {
    const offers = [{ ...spot, exhaustedUntil: NOW + MINUTE }, onDemand];
    const jobs = [asking(1, 'spot=spot')];
    expect(launched({ jobs, offers })).toEqual([]);
    expect(codes({ jobs, offers })).toEqual(['no-capacity']);
    expect(codes({ jobs, offers: [onDemand] })).toEqual(['no-offer']);
  });

  test('is not that of a machine of the other one that is coming', () => {
    const instances = [anInstance()];
    expect(launched({ jobs: [asking(1)], instances })).toEqual([]);
    expect(launched({ jobs: [asking(1, 'spot=on-demand')], instances })).toEqual([
      ['on-demand', 1],
    ]);
  });

  test('is registered only by a machine of it', () => {
    const labels = (market: 'spot' | 'on-demand') =>
      labelsFor(
        aWorld({
          rules: [both],
          jobs: [asking(1, 'spot=on-demand')],
          instances: [anInstance({ market })],
        }),
        'a.0',
        NOW,
      );
    expect(labels('spot')).not.toContain('spot=on-demand');
    expect(labels('on-demand')).toContain('spot=on-demand');
  });

  test('cannot be both', () => {
    const jobs = [asking(1, 'spot=spot', 'spot=on-demand')];
    expect(launched({ jobs })).toEqual([]);
    expect(codes({ jobs })).toEqual(['no-rule']);
  });
});
