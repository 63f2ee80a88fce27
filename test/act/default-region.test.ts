import { describe, expect, test } from '@jest/globals';
import { createRegionOf } from '../../src/act/default-region.ts';
import { createMemoryStore } from '../../src/store/memory.ts';

const scope = 'repo-7';
const served = (region: string | null) => ({ account: 'repo-7', region });
const refused = { reason: { code: 'credentials', text: 'cannot be read' } };

const settings = (defaultRegion: string | null) => ({ defaultRegion });

describe('the region of rules that name none', () => {
  test.each([
    ['the account’s own', 'eu-west-1', 'us-east-1', 'eu-west-1'],
    ['the app’s, where the account has none', null, 'us-east-1', 'us-east-1'],
    ['not known, where neither has one', null, null, null],
  ])('is %s', async (_, account, app, expected) => {
    const clock = { now: () => 0 };
    const regionOf = createRegionOf({ store: createMemoryStore(), clock, settings: settings(app) });
    expect(await regionOf({ scope }, served(account))).toBe(expected);
  });

  test('stays what it was while the account cannot be read, also for the next process', async () => {
    const of = {
      store: createMemoryStore(),
      clock: { now: () => 0 },
      settings: settings('us-east-1'),
    };
    const first = createRegionOf(of);
    expect(await first({ scope }, served('eu-west-1'))).toBe('eu-west-1');
    expect(await first({ scope }, refused)).toBe('eu-west-1');
    expect(await createRegionOf(of)({ scope }, refused)).toBe('eu-west-1');
    expect(await first({ scope: 'repo-8' }, refused)).toBe('us-east-1');
  });

  test('is the app’s again when the account is configured without one', async () => {
    const of = {
      store: createMemoryStore(),
      clock: { now: () => 0 },
      settings: settings('us-east-1'),
    };
    const regionOf = createRegionOf(of);
    await regionOf({ scope }, served('eu-west-1'));
    expect(await regionOf({ scope }, served(null))).toBe('us-east-1');
    expect(await createRegionOf(of)({ scope }, refused)).toBe('us-east-1');
  });
});
