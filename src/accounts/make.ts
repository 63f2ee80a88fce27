import type { Ec2, Trial } from '../ec2/port.ts';
import type { Clock } from '../lib/clock.ts';
import { createKeys } from '../lib/keys.ts';
import type { Log } from '../lib/log.ts';
import type { Random } from '../lib/random.ts';
import type { Secret } from '../lib/secret.ts';
import type { Refused } from '../model/reply.ts';
import type { Store } from '../store/port.ts';
import { createScopedAccounts } from './accounts.ts';
import { createAccounts } from './default.ts';
import { createDesk } from './desk.ts';
import { createIdentities } from './identity.ts';
import { createKeyring } from './keyring.ts';
import type { AccountDesk, Accounts, AwsKeys, Vault } from './port.ts';
import { createAwsVault } from './vault-aws.ts';
import { createLocalVault } from './vault-local.ts';
import type { WireOptions } from './wire.ts';

export interface MakeDeps extends Omit<WireOptions, 'region'> {
  /** The app's own; null: it has none, and no Secrets Manager. */
  readonly region: string | null;
  readonly secrets: { readonly kind: 'aws' | 'local'; readonly prefix: string };
  readonly secretKey: Secret;
  readonly oldSecretKey: Secret | null;
  /** `DSTACK_DEFAULT_ACCOUNT`. */
  readonly owners: readonly string[];
  readonly store: Pick<
    Store,
    | 'exhausted'
    | 'clearExhausted'
    | 'fact'
    | 'saveFact'
    | 'livingRegions'
    | 'sighted'
    | 'instanceById'
    | 'repo'
  >;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The tag that makes a machine ours. */
  readonly app: string;
  /** Without credentials: the app's own. */
  readonly makeEc2: (region: string, credentials?: AwsKeys | (() => Promise<AwsKeys>)) => Ec2;
  readonly makeTrial: (region: string, credentials: AwsKeys) => Trial;
}

/** STS answers in every region; it matters only that there is one. */
const STS_REGION = 'us-east-1';

/** The parts of this folder, put together. */
export function makeAccounts(deps: MakeDeps): {
  readonly accounts: Accounts;
  readonly desk: AccountDesk;
} {
  const { clock, log, store, app, makeEc2, makeTrial } = deps;
  const keys = createKeys(deps.secretKey.reveal());
  const wire = { ...wireOf(deps), region: deps.region ?? STS_REGION };
  const identities = createIdentities(wire);
  const vault = vaultOf(deps);
  const lives = async (account: string) =>
    (await store.livingRegions()).some((one) => one.account === account);
  const keyring = createKeyring({ vault, identities, clock, log, lives });
  const fallback = createAccounts({ owners: deps.owners, makeEc2: (region) => makeEc2(region) });
  const accounts = createScopedAccounts({ keyring, fallback, clock, makeEc2 });
  const desk = createDesk({
    ...{ vault, keyring, identities, accounts, store, keys, clock, log, app, makeEc2, makeTrial },
  });
  return { accounts, desk };
}

const wireOf = ({ proxyEnv, endpoint }: Omit<WireOptions, 'region'>) => ({
  ...(proxyEnv && { proxyEnv }),
  ...(endpoint !== undefined && { endpoint }),
});

function vaultOf(deps: MakeDeps): Vault {
  const { secrets, region, store, clock, random } = deps;
  if (secrets.kind === 'local') {
    const keys = createKeys(deps.secretKey.reveal());
    const oldKeys = deps.oldSecretKey && createKeys(deps.oldSecretKey.reveal());
    return createLocalVault({ store, clock, random, keys, oldKeys });
  }
  return region === null
    ? NO_VAULT
    : createAwsVault({ ...wireOf(deps), region, prefix: secrets.prefix });
}

const refused = (reason: Refused['reason'], message: string): Refused => ({
  ok: false,
  reason,
  code: 'NoRegion',
  message,
});

/** Secrets Manager is somewhere: without a region nothing was ever kept, and nothing can be. */
const NO_VAULT: Vault = {
  read: async () => refused('missing', 'AWS_REGION is not set'),
  write: async () =>
    refused('invalid', 'whoever runs the app sets AWS_REGION, or DSTACK_SECRETS=local'),
  remove: async () => refused('missing', 'AWS_REGION is not set'),
};
