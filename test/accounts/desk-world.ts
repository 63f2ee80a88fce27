import { afterAll, beforeAll, beforeEach, test } from '@jest/globals';
import { createScopedAccounts } from '../../src/accounts/accounts.ts';
import { createAccounts } from '../../src/accounts/default.ts';
import { createDesk } from '../../src/accounts/desk.ts';
import type { AwsKeys } from '../../src/accounts/port.ts';
import { createEc2 } from '../../src/ec2/ec2.ts';
import { createTrial } from '../../src/ec2/trial.ts';
import { createKeys } from '../../src/lib/keys.ts';
import { silentLog as log } from '../../src/lib/log.ts';
import { createMemoryStore } from '../../src/store/memory.ts';
import { type Moto, motoServer, startMoto } from '../moto.ts';
import { handWorld, KEYS } from './world.ts';

// The desk before moto's EC2, with an STS that is set by hand: moto's never refuses.

export const REGION = 'eu-west-1';
export const BODY = { ...KEYS, region: REGION };

function openDesk(endpoint: string) {
  const world = handWorld();
  const { vault, ring: keyring, identities, clock } = world;
  const store = createMemoryStore();
  const at = (region: string, credentials: AwsKeys | (() => Promise<AwsKeys>)) =>
    createEc2({ region, credentials, endpoint, log });
  const fallback = createAccounts({ owners: [], makeEc2: (region) => at(region, KEYS) });
  const accounts = createScopedAccounts({ keyring, fallback, clock, makeEc2: at });
  const living = async () => [...world.living].map((account) => ({ account, region: REGION }));
  const desk = createDesk({
    vault,
    keyring,
    identities,
    accounts,
    store: { ...store, livingRegions: living },
    keys: createKeys('a secret key of today'),
    clock,
    log,
    app: 'github.example/1',
    makeEc2: at,
    makeTrial: (region, credentials) => createTrial({ region, credentials, endpoint }),
  });
  // The same object, so that a test can set what STS says.
  return Object.assign(world, { desk, accounts, store });
}

/** Tests of a desk before a moto that knows nothing yet, each time. */
export function describeDesk(
  define: (of: {
    readonly open: () => ReturnType<typeof openDesk>;
    readonly makeSpotRole: () => Promise<unknown>;
    readonly endpoint: () => string;
  }) => void,
): void {
  if (motoServer === undefined) {
    test.skip('needs moto_server', () => {});
    return;
  }
  let moto: Moto;
  beforeAll(async () => {
    moto = await startMoto();
  });
  afterAll(() => moto.stop());
  beforeEach(() => fetch(`${moto.url}/moto-api/reset`, { method: 'POST' }));
  const endpoint = () => moto.url;
  const open = () => openDesk(moto.url);
  define({ open, makeSpotRole: () => makeSpotRoleAt(moto.url), endpoint });
}

const makeSpotRoleAt = (endpoint: string) =>
  fetch(endpoint, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      authorization:
        'AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0',
    },
    body: 'Action=CreateRole&RoleName=AWSServiceRoleForEC2Spot&AssumeRolePolicyDocument=%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%5D%7D&Version=2010-05-08',
  });
