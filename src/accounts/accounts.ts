import type { Ec2 } from '../ec2/port.ts';
import { createCache } from '../lib/cache.ts';
import type { Clock } from '../lib/clock.ts';
import { parseScopeId, type RepoId, repoScope, type ScopeId } from '../model/ids.ts';
import type { Reason } from '../model/job.ts';
import { isOfOther, OF_OTHER } from './account.ts';
import { isBadKeys } from './errors.ts';
import { type Keyring, keysOrThrow, type Opened } from './keyring.ts';
import type { Accounts, Asking, AwsKeys, Served } from './port.ts';

/** Accounts and regions in use at once. */
const CLIENTS_MAX = 512;
const FOR_EVER = Number.POSITIVE_INFINITY;

export interface ScopedAccountsDeps {
  readonly keyring: Keyring;
  /** The app's own credentials, for whom `DSTACK_DEFAULT_ACCOUNT` names. */
  readonly fallback: Accounts;
  readonly clock: Clock;
  readonly makeEc2: (region: string, credentials: () => Promise<AwsKeys>) => Ec2;
}

/** Each scope's own credentials, then its owner's, then the app's own. */
export function createScopedAccounts(deps: ScopedAccountsDeps): Accounts {
  const { keyring, fallback } = deps;
  const clients = createCache<Ec2>(deps.clock, CLIENTS_MAX);
  return {
    async accountFor(repo, of) {
      const isUnderOwnersFile = of?.isUnderOwnersFile ?? repo.scope.startsWith('owner-');
      const own = await keyring.open(repoScope(repo.id));
      if (own.kind !== 'none') return ofOwner(repo, own) ?? answerOf(repoScope(repo.id), own);
      const ownerScope: ScopeId = `owner-${Number(repo.ownerId)}`;
      const owners = await keyring.open(ownerScope);
      const serves = isUnderOwnersFile || (owners.kind !== 'none' && servesNamed(owners, repo.id));
      if (owners.kind !== 'none' && serves) return answerOf(ownerScope, owners);
      const other = await fallback.accountFor(repo);
      return 'reason' in other && owners.kind !== 'none' ? { reason: NOT_NAMED } : other;
    },
    ec2(account, region) {
      const scope = parseScopeId(account);
      if (!scope) return fallback.ec2(account, region);
      const key = `${scope} ${region}`;
      const known = clients.get(key, FOR_EVER);
      if (known) return known;
      const made = deps.makeEc2(region, () => keysOrThrow(keyring, scope));
      const watched = watch(made, () => keyring.suspect(scope));
      clients.set(key, watched);
      return watched;
    },
  };
}

const NOT_NAMED = {
  code: 'no-account',
  text: "The owner's AWS account serves only the repositories that were named when it was configured, as long as the owner has no rules file.",
};

type There = Exclude<Opened, { kind: 'none' }>;

/** What could not be read may be meant for the repository: it must not go to another account. */
const servesNamed = ({ account }: There, repo: RepoId): boolean =>
  account === null || account.repositories.includes(repo);

/** Why a repository's own account does not serve it any more. */
const ofOwner = (
  { ownerId }: Asking,
  { account }: There,
): { readonly reason: Reason } | undefined =>
  account && isOfOther(account, ownerId)
    ? { reason: { code: 'credentials', text: OF_OTHER } }
    : undefined;

function answerOf(scope: ScopeId, opened: There): Served | { readonly reason: Reason } {
  if (opened.kind === 'refused') return { reason: { code: 'credentials', text: opened.why } };
  const { isClosed, region } = opened.account;
  if (!isClosed) return { account: scope, region };
  return { reason: { code: 'credentials', text: `the AWS account of ${scope} is being cleared` } };
}

/** EC2 as it is; that the credentials were refused is heard on the way. */
function watch(ec2: Ec2, onBadKeys: () => void): Ec2 {
  const heard = async <T extends { readonly ok: boolean; readonly code?: string }>(
    answer: Promise<T>,
  ): Promise<T> => {
    const got = await answer;
    if (!got.ok && got.code !== undefined && isBadKeys(got.code)) onBadKeys();
    return got;
  };
  return {
    ...ec2,
    launch: (request) => heard(ec2.launch(request)),
    list: (app) => heard(ec2.list(app)),
    listLaunch: (launch) => heard(ec2.listLaunch(launch)),
    terminate: (ids) => heard(ec2.terminate(ids)),
    types: (names) => heard(ec2.types(names)),
    subnets: (ids) => heard(ec2.subnets(ids)),
  };
}
