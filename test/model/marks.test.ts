import { describe, expect, test } from '@jest/globals';
import { MEANINGS, type Reach } from '../../src/model/aws-codes.ts';
import type { Place } from '../../src/model/launch.ts';
import { covers, markOf, nextMark } from '../../src/model/marks.ts';

const MINUTE = 60_000;
const NOW = 1_000 * MINUTE;

const aPlace = (given: Partial<Place> = {}): Place => ({
  region: 'eu-west-1',
  zone: 'eu-west-1a',
  subnet: 'subnet-a',
  type: 'm5.large',
  market: 'spot',
  ...given,
});

const OTHERS = {
  'another subnet of the zone': { subnet: 'subnet-a2' },
  'another zone': { zone: 'eu-west-1b', subnet: 'subnet-b' },
  'another size': { type: 'c5.xlarge' },
  'a graphics card': { type: 'g5.xlarge' },
  'the other market': { market: 'on-demand' },
  'another region': { region: 'us-east-1', zone: 'us-east-1a', subnet: 'subnet-u' },
} as const satisfies Record<string, Partial<Place>>;

describe('what was refused leaves alone, beside the place itself,', () => {
  test.each<[Reach, readonly (keyof typeof OTHERS)[]]>([
    ['place', ['another subnet of the zone']],
    ['zone', ['another subnet of the zone', 'the other market']],
    ['subnet', ['another size', 'a graphics card', 'the other market']],
    ['type', ['another subnet of the zone', 'another zone']],
    ['family', ['another subnet of the zone', 'another zone', 'another size']],
    ['market', ['another subnet of the zone', 'another zone', 'another size', 'a graphics card']],
    [
      'region',
      [
        ...(['another subnet of the zone', 'another zone', 'another size'] as const),
        ...(['a graphics card', 'the other market'] as const),
      ],
    ],
    ['account', Object.keys(OTHERS) as (keyof typeof OTHERS)[]],
  ])('by %s: %j', (reach, expected) => {
    const mark = markOf(reach, aPlace());
    if (mark === undefined) throw new Error('no mark');
    expect(covers(mark, aPlace())).toBe(true);
    const covered = Object.entries(OTHERS).filter(([, given]) => covers(mark, aPlace(given)));
    expect(covered.map(([name]) => name)).toEqual(expected);
  });

  test('by rule: nothing that others share', () => {
    expect(markOf('rule', aPlace())).toBeUndefined();
  });
});

describe('a place is left alone', () => {
  const LEAVE = [3 * MINUTE, 30 * MINUTE] as const;
  const first = { until: NOW + 3 * MINUTE, forMs: 3 * MINUTE, since: NOW };

  test('for the first time, and twice as long each time after, up to a limit', () => {
    let mark = nextMark(undefined, LEAVE, NOW);
    expect(mark).toEqual(first);
    const minutes = Array.from({ length: 5 }, () => {
      mark = nextMark(mark, LEAVE, mark.until);
      return mark.forMs / MINUTE;
    });
    expect(minutes).toEqual([6, 12, 24, 30, 30]);
    expect(mark.since).toBe(NOW);
  });

  test('no longer for calls that were under way together', () => {
    expect(nextMark(first, LEAVE, NOW + 1)).toBe(first);
  });

  test('as for the first time when that is long ago', () => {
    const later = first.until + 30 * MINUTE;
    expect(nextMark(first, LEAVE, later)).toEqual({
      until: later + 3 * MINUTE,
      forMs: 3 * MINUTE,
      since: later,
    });
  });
});

describe('the table of codes', () => {
  test.each([...MEANINGS])('says of %s what a sentence can end with', (_, { tell, leave }) => {
    expect(tell).toMatch(/^\S.*[^.\s]$/);
    // A job's reason holds it whole, after the rule, the time and the count.
    if (leave !== null) expect(tell.length).toBeLessThanOrEqual(59);
  });

  test('leaves nothing alone of which the outcome is not known', () => {
    for (const { failure, leave } of MEANINGS.values()) {
      expect(leave === null).toBe(failure === 'throttled' || failure === 'unknown');
    }
  });

  test.each<[string, Reach]>([
    ['InsufficientInstanceCapacity', 'place'],
    ['UnfulfillableCapacity', 'place'],
    ['InsufficientHostCapacity', 'zone'],
    ['Unsupported', 'zone'],
    ['InsufficientFreeAddressesInSubnet', 'subnet'],
    ['SpotMaxPriceTooLow', 'rule'],
    ['MaxSpotInstanceCountExceeded', 'family'],
    ['VcpuLimitExceeded', 'family'],
    ['InstanceLimitExceeded', 'type'],
    ['VolumeLimitExceeded', 'region'],
    ['PendingVerification', 'region'],
    ['OptInRequired', 'region'],
    ['UnauthorizedOperation', 'market'],
    ['AuthFailure.ServiceLinkedRoleCreationNotPermitted', 'market'],
    ['InvalidClientTokenId', 'account'],
    ['Blocked', 'account'],
    ['InvalidAMIID.NotFound', 'rule'],
    ['InvalidParameterValue', 'rule'],
  ])('%s is about the %s', (code, reach) => {
    expect(MEANINGS.get(code)?.leave?.reach).toBe(reach);
  });
});
