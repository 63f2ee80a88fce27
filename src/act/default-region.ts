import type { Accounts, Asking } from '../accounts/port.ts';
import type { Clock } from '../lib/clock.ts';
import type { Store } from '../store/port.ts';
import type { ActSettings } from './deps.ts';

interface Need {
  readonly store: Pick<Store, 'fact' | 'saveFact'>;
  readonly clock: Pick<Clock, 'now'>;
  /** The app's own region; null: it has none. */
  readonly settings: Pick<ActSettings, 'defaultRegion'>;
}

type Found = Awaited<ReturnType<Accounts['accountFor']>>;

/** Where rules are that name no region: as it was configured with the account, else the app's own. */
export type RegionOf = (asking: Pick<Asking, 'scope'>, found: Found) => Promise<string | null>;

/** Scopes at work at the same time. */
const MOST_REMEMBERED = 10_000;

/**
 * A rule is its type and region, so a region that changed while the account could not be read would
 * end all machines. What was last known is remembered, here and in the store.
 */
export function createRegionOf({ store, clock, settings }: Need): RegionOf {
  const known = new Map<string, string>();
  return async ({ scope }, found) => {
    const key = `region:${scope}`;
    if ('reason' in found) {
      const last = known.get(key) ?? (await store.fact(key))?.value;
      return last || settings.defaultRegion;
    }
    const region = found.region ?? '';
    const isNew = known.get(key) !== region;
    if (isNew && (region !== '' || (await store.fact(key)))) {
      await store.saveFact(key, region, clock.now());
    }
    if (known.size >= MOST_REMEMBERED) known.clear();
    known.set(key, region);
    return region || settings.defaultRegion;
  };
}
