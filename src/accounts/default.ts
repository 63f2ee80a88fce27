import type { Ec2 } from '../ec2/port.ts';
import { assert } from '../lib/assert.ts';
import type { Accounts } from './port.ts';

/** The one account of this adapter: the AWS SDK's own chain where the app runs. */
const DEFAULT = 'default';
/** AWS has fewer regions; a rules file may name regions that do not exist. */
const CLIENTS_MAX = 64;

export interface DefaultAccountsDeps {
  /** `DSTACK_DEFAULT_ACCOUNT`: owner ids, or `*` for everyone. */
  readonly owners: readonly string[];
  readonly makeEc2: (region: string) => Ec2;
}

/** The app's own AWS credentials, for the owners that `DSTACK_DEFAULT_ACCOUNT` names. */
export function createAccounts({ owners, makeEc2 }: DefaultAccountsDeps): Accounts {
  const clients = new Map<string, Ec2>();
  return {
    async accountFor({ ownerId: owner }) {
      const isServed = owners.includes('*') || owners.includes(String(owner));
      if (isServed) return { account: DEFAULT, region: null };
      const text = `no AWS account for owner ${owner}: run dstack aws configure, or let whoever runs the app name it in DSTACK_DEFAULT_ACCOUNT`;
      return { reason: { code: 'no-account', text } };
    },
    ec2(account, region) {
      assert(account === DEFAULT, `no credentials are kept for account ${account}`);
      const known = clients.get(region);
      if (known) return known;
      const [oldest] = clients.keys();
      if (clients.size >= CLIENTS_MAX && oldest !== undefined) clients.delete(oldest);
      const made = makeEc2(region);
      clients.set(region, made);
      return made;
    },
  };
}
