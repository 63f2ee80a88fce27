import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Store } from '../store/port.ts';
import type { Accounts } from './port.ts';

export interface EndAllDeps {
  readonly accounts: Accounts;
  readonly store: Pick<Store, 'sighted' | 'instanceById'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly app: string;
}

/**
 * Ends the machines that were launched for an account, as EC2 lists them; answers how many EC2 took.
 * Two scopes may have named one AWS account: the other's machines go on.
 */
export async function endAll(
  { accounts, store, clock, log, app }: EndAllDeps,
  of: { readonly account: string; readonly regions: readonly string[] },
): Promise<number> {
  let count = 0;
  for (const region of of.regions) {
    const ec2 = accounts.ec2(of.account, region);
    const listed = await ec2.list(app);
    const alive = listed.ok ? listed.value.filter(({ ec2 }) => ec2 !== 'terminated') : [];
    const known = await Promise.all(alive.map(({ id }) => store.instanceById(id)));
    const ids = known.flatMap((one) => (one?.id && one.account === of.account ? [one.id] : []));
    if (ids.length === 0) continue;
    const ended = await ec2.terminate(ids);
    if (!ended.ok) log.warn({ ...of, code: ended.code }, 'machines of an account not ended');
    for (const one of ended.ok ? ended.value : []) {
      await store.sighted(one.id, one.ec2, 'the account was cleared', clock.now());
      count += 1;
    }
  }
  return count;
}
