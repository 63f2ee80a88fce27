import type { Accounts } from '../accounts/port.ts';
import type { Ec2 } from '../ec2/port.ts';
import type { InstallationId } from '../model/ids.ts';
import type { Meter } from '../model/meter.ts';
import type { CallCounts } from '../model/outcome.ts';

/** Where calls are counted: GitHub's for an installation, EC2's writes for an account. */
export interface Meters {
  readonly github: Meter;
  readonly ec2: Meter;
}

/** The same accounts; what their calls change is counted. */
export function countWrites(accounts: Accounts, meter: Meter): Accounts {
  return {
    ...accounts,
    ec2(account, region): Ec2 {
      const ec2 = accounts.ec2(account, region);
      const write = () => meter.count(account, 'work', { isFree: false });
      return {
        ...ec2,
        launch(request) {
          write();
          return ec2.launch(request);
        },
        terminate(ids) {
          if (ids.length > 0) write();
          return ec2.terminate(ids);
        },
      };
    },
  };
}

/** What the last hour asked of both, for people. */
export function callCounts(
  { github, ec2 }: Meters,
  of: { readonly installation: InstallationId; readonly account: string | null },
): CallCounts {
  const ec2Writes = of.account === null ? 0 : ec2.spending(of.account).work;
  return { github: github.spending(String(of.installation)), ec2Writes };
}
