import { afterEach, describe } from '@jest/globals';
import type { Store } from '../../src/store/port.ts';
import { billsContract } from './contract-bills.ts';
import { bucketsContract } from './contract-buckets.ts';
import { deliveriesContract, jobsContract, reposContract } from './contract-events.ts';
import { historyContract } from './contract-history.ts';
import { instancesContract, intentsContract, settlementsContract } from './contract-launches.ts';
import { absenceContract, adoptionContract, sightingsContract } from './contract-listing.ts';
import { ownersContract } from './contract-owner.ts';
import { reclaimedContract, rerunsContract } from './contract-reruns.ts';
import { leasesContract, scopesContract } from './contract-scopes.ts';
import { pruneContract, smallContract } from './contract-small.ts';

/** What every store promises; `openEmpty` is called anew by each test. */
export function storeContract(name: string, openEmpty: () => Promise<Store>): void {
  const opened: Store[] = [];
  const open = async () => {
    const store = await openEmpty();
    opened.push(store);
    return store;
  };
  describe(`${name} store`, () => {
    afterEach(async () => {
      for (const store of opened.splice(0)) await store.close();
    });
    const parts = [
      deliveriesContract,
      jobsContract,
      reposContract,
      leasesContract,
      scopesContract,
      intentsContract,
      settlementsContract,
      instancesContract,
      sightingsContract,
      absenceContract,
      adoptionContract,
      reclaimedContract,
      rerunsContract,
      ownersContract,
      historyContract,
      billsContract,
      bucketsContract,
      smallContract,
      pruneContract,
    ];
    for (const part of parts) part(open);
  });
}
