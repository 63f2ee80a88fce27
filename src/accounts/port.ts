import type { Ec2 } from '../ec2/port.ts';
import type { OwnerId } from '../model/ids.ts';
import type { Reason } from '../model/job.ts';

// accounts: whose AWS credentials launch for whom. Called by act and reconcile.

export interface Accounts {
  /** The account that serves an owner's scopes, or why there is none. `default`: the app's own chain. */
  accountFor(owner: OwnerId): Promise<{ readonly account: string } | { readonly reason: Reason }>;
  /** EC2 with that account's credentials. */
  ec2(account: string, region: string): Ec2;
}
