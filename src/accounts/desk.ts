import type { Ec2, Trial } from '../ec2/port.ts';
import type { Clock } from '../lib/clock.ts';
import type { Keys } from '../lib/keys.ts';
import type { Log } from '../lib/log.ts';
import { createTurns } from '../lib/turns.ts';
import type { OwnerId, ScopeId } from '../model/ids.ts';
import { done, type Reply } from '../model/reply.ts';
import type { Store } from '../store/port.ts';
import {
  type Access,
  type Account,
  type AccountInput,
  isOfOther,
  OF_OTHER,
  parseAccount,
  parseInput,
  parseRegion,
  printAccount,
  viewOf,
} from './account.ts';
import { checkAccount } from './check.ts';
import { endAll } from './end-all.ts';
import type { Identities } from './identity.ts';
import type { Keyring } from './keyring.ts';
import type {
  AccountDesk,
  Accounts,
  AwsKeys,
  Check,
  Cleared,
  Configured,
  Described,
  TornDown,
  Vault,
} from './port.ts';
import { checkRole, principalOf } from './role.ts';
import { sessionName } from './sessions.ts';

export interface DeskDeps {
  readonly vault: Vault;
  readonly keyring: Keyring;
  readonly identities: Identities;
  readonly accounts: Accounts;
  readonly store: Pick<
    Store,
    'livingRegions' | 'sighted' | 'instanceById' | 'repo' | 'exhausted' | 'clearExhausted'
  >;
  readonly keys: Keys;
  readonly clock: Clock;
  readonly log: Log;
  /** The app's tag: which machines are ours. */
  readonly app: string;
  /** For checks, with credentials that are not kept. */
  readonly makeEc2: (region: string, credentials: AwsKeys) => Ec2;
  readonly makeTrial: (region: string, credentials: AwsKeys) => Trial;
}

/** How accounts come, are shown and go. Each call leaves what is kept as it was, or whole. */
export function createDesk(deps: DeskDeps): AccountDesk {
  // Each looks first and writes later: what another one wrote in between would be lost. Of this
  // process alone: people who ask two replicas at once are not kept apart.
  const turns = createTurns(1);
  return {
    describe: (scope) => describe(deps, scope),
    configure: (scope, body) => turns(scope, () => configure(deps, scope, body)),
    clear: (scope, { force }) => turns(scope, () => clear(deps, scope, force)),
    teardown: (scope, region) => turns(scope, () => teardown(deps, scope, region)),
  };
}

interface Holder {
  readonly scope: ScopeId;
  /** Of a repository; undefined for an owner's own account, whose scope says it. */
  readonly ownerId: OwnerId | undefined;
}

/**
 * Made by us, so that nobody can choose another's, and known before a role is. Of scope and owner: a
 * role that trusts it must not serve whom the repository is transferred to.
 */
function externalIdOf({ keys }: DeskDeps, of: Holder, kept: Account | null): string {
  // One that a role demands already stays, also when the secret key changes.
  if (kept?.access.kind === 'role' && !isOfOther(kept, of.ownerId)) return kept.access.externalId;
  const { scope, ownerId } = of;
  const parts = scope.startsWith('repo-') ? [scope, String(ownerId ?? '')] : [scope];
  return keys.mac('external id', parts).slice(0, EXTERNAL_ID_LENGTH);
}

/** 192 bits, in base64url. */
const EXTERNAL_ID_LENGTH = 32;

async function keptFor({ keyring }: DeskDeps, scope: ScopeId): Promise<Account | null> {
  const opened = await keyring.open(scope);
  return opened.kind === 'none' ? null : opened.account;
}

async function principal({ identities }: DeskDeps): Promise<string | null> {
  const caller = await identities.callerOf(null);
  return caller.ok ? principalOf(caller.value.arn) : null;
}

async function describe(deps: DeskDeps, scope: ScopeId): Promise<Described> {
  const opened = await deps.keyring.open(scope);
  const found = opened.kind === 'none' ? null : opened.account;
  const ownerId = await ownerNow(deps, scope);
  const isOther = found !== null && isOfOther(found, ownerId);
  const account = isOther ? null : found;
  const problem = isOther ? OF_OTHER : opened.kind === 'refused' ? opened.why : null;
  return {
    account: account && viewOf(account, problem),
    problem: account ? null : problem,
    externalId: externalIdOf(deps, { scope, ownerId }, account),
    principal: await principal(deps),
  };
}

/** Of a repository; undefined for an owner's own account. */
async function ownerNow({ store }: DeskDeps, scope: ScopeId): Promise<OwnerId | undefined> {
  if (!scope.startsWith('repo-')) return undefined;
  return (await store.repo(Number(scope.slice('repo-'.length))))?.ownerId;
}

async function configure(deps: DeskDeps, scope: ScopeId, body: object): Promise<Configured> {
  const parsed = parseInput(body);
  if (!parsed.ok) return no('shape', parsed.why);
  const input = parsed.value;
  if (input.repositories.length > 0 && scope.startsWith('repo-')) {
    return no('shape', "repositories: only an owner's account names them");
  }
  // Read once: what one owner's id opened must not be kept as the next one's.
  const ownerId = await ownerNow(deps, scope);
  const access = await accessOf(deps, { scope, ownerId }, input);
  const looked = await lookAt(deps, scope, { input, access });
  const failed = looked.checks.filter(({ ok }) => !ok);
  if (looked.awsAccount === null || failed.length > 0) {
    const names = failed.map(({ name }) => name).join(', ');
    return no('checks', `nothing was kept: ${names} failed`, looked.checks);
  }
  const { region, bucket, repositories } = input;
  const { awsAccount, checks } = looked;
  const kept = { scope, awsAccount, access, region, bucket, repositories };
  const account = { ...kept, ownerId: ownerId ?? null, isClosed: false };
  const busy = await isOtherAccountBusy(deps, account);
  if (busy) return no('busy', busy, checks);
  const written = await deps.vault.write(scope, printAccount(account));
  deps.keyring.forget(scope);
  if (!written.ok) return no('vault', vaultProblem(written), checks);
  // What EC2 refused to the old credentials says nothing of the new ones.
  for (const mark of await deps.store.exhausted(scope)) {
    await deps.store.clearExhausted(scope, mark);
  }
  deps.log.info({ scope, access: access.kind, region }, 'account configured');
  return { ok: true, account: viewOf(account, null), checks };
}

const no = (
  code: (Configured & { ok: false })['code'],
  message: string,
  checks: readonly Check[] = [],
): Configured => ({ ok: false, code, message, checks });

const vaultProblem = ({ code, message }: { code: string; message: string }): string =>
  `nothing was kept: the place for secrets refuses it (${code}: ${message})`;

async function accessOf(deps: DeskDeps, of: Holder, { access }: AccountInput): Promise<Access> {
  if (access.kind === 'keys') return access;
  const externalId = externalIdOf(deps, of, await keptFor(deps, of.scope));
  return { kind: 'role', roleArn: access.roleArn, externalId };
}

interface Looked {
  readonly awsAccount: string | null;
  readonly checks: readonly Check[];
}

async function lookAt(
  deps: DeskDeps,
  scope: ScopeId,
  { input, access }: { input: AccountInput; access: Access },
): Promise<Looked> {
  const before: Check[] = [];
  if (access.kind === 'role') {
    const { roleArn, externalId } = access;
    const ask = { scope, roleArn, externalId, principal: await principal(deps) };
    before.push(await checkRole(deps.identities, ask));
    if (!before[0]?.ok) return { awsAccount: null, checks: before };
  }
  const keys = await keysFor(deps, scope, access);
  const caller = keys.ok ? await deps.identities.callerOf(keys.value) : keys;
  if (!keys.ok || !caller.ok) {
    const code = caller.ok ? '' : caller.code;
    const text = `AWS does not accept these credentials (${code})`;
    const fix = 'copy both keys again; a key that was made just now needs some seconds';
    return { awsAccount: null, checks: [...before, { name: 'identity', ok: false, text, fix }] };
  }
  const { account: awsAccount, arn } = caller.value;
  const { region, bucket } = input;
  const tags = { Name: 'dstack', 'dstack:app': deps.app, 'dstack:scope': scope };
  const ec2 = deps.makeEc2(region, keys.value);
  const trial = deps.makeTrial(region, keys.value);
  const checks = await checkAccount({ ec2, trial }, { awsAccount, arn, region, bucket, tags });
  return { awsAccount, checks: [...before, ...checks] };
}

async function keysFor(
  { identities }: DeskDeps,
  scope: ScopeId,
  access: Access,
): Promise<Reply<AwsKeys>> {
  if (access.kind === 'keys') {
    const { accessKeyId, secretAccessKey } = access;
    return done({ accessKeyId, secretAccessKey: secretAccessKey.reveal() });
  }
  const { roleArn, externalId } = access;
  const session = await identities.assume({ roleArn, externalId, sessionName: sessionName(scope) });
  return session.ok ? done(session.value.keys) : session;
}

const livesIn = async ({ store }: DeskDeps, scope: ScopeId): Promise<readonly string[]> =>
  (await store.livingRegions())
    .filter(({ account }) => account === scope)
    .map(({ region }) => region);

/** The machines of the old account could not be seen or ended with the new one's credentials. */
async function isOtherAccountBusy(deps: DeskDeps, next: Account): Promise<string | undefined> {
  const kept = await deps.vault.read(next.scope);
  const old = kept.ok ? parseAccount(next.scope, kept.value) : undefined;
  if (!old?.ok || old.value.awsAccount === next.awsAccount) return undefined;
  if ((await livesIn(deps, next.scope)).length === 0) return undefined;
  const isOther = isOfOther(old.value, next.ownerId ?? undefined);
  const where = isOther ? "another owner's AWS account" : `AWS account ${old.value.awsAccount}`;
  return `machines run in ${where}: run dstack aws clear --force first`;
}

async function clear(deps: DeskDeps, scope: ScopeId, force: boolean): Promise<Cleared> {
  const kept = await deps.vault.read(scope);
  if (!kept.ok && kept.reason === 'missing') {
    return { ok: false, code: 'none', message: 'no account is kept', ended: 0 };
  }
  const parsed = kept.ok ? parseAccount(scope, kept.value) : undefined;
  let regions = await livesIn(deps, scope);
  if (regions.length > 0 && !force) {
    const message = `machines run in ${regions.join(', ')}: wait for them, or end them with --force`;
    return { ok: false, code: 'busy', message, ended: 0 };
  }
  if (parsed?.ok) {
    // First of all nothing more is launched with it; it is still good for ending what runs.
    const closed = printAccount({ ...parsed.value, isClosed: true });
    const written = await deps.vault.write(scope, closed);
    if (!written.ok) return { ok: false, code: 'vault', message: vaultProblem(written), ended: 0 };
    deps.keyring.forget(scope);
  }
  const ended = await endAll(deps, { account: scope, regions });
  regions = await livesIn(deps, scope);
  if (regions.length > 0) {
    const message = `machines are still ending in ${regions.join(', ')}; the credentials are kept until then: ask again`;
    return { ok: false, code: 'ending', message, ended };
  }
  const removed = await deps.vault.remove(scope);
  deps.keyring.forget(scope);
  if (!removed.ok) return { ok: false, code: 'vault', message: vaultProblem(removed), ended };
  deps.log.info({ scope, ended }, 'account cleared');
  return { ok: true, ended };
}

const NOT_KEPT =
  'no account is kept: configure it once more, or delete the security group dstack-runners by hand';

/** The security group is all that we make and leave: the account's own region, or the one that is named. */
async function teardown(deps: DeskDeps, scope: ScopeId, named: string | null): Promise<TornDown> {
  const parsed = named === null ? undefined : parseRegion(named);
  if (parsed && !parsed.ok) return { ok: false, code: 'shape', message: parsed.why };
  const opened = await deps.keyring.open(scope);
  if (opened.kind !== 'account') {
    const message = opened.kind === 'none' ? NOT_KEPT : opened.why;
    return { ok: false, code: 'none', message };
  }
  if (isOfOther(opened.account, await ownerNow(deps, scope))) {
    return { ok: false, code: 'none', message: OF_OTHER };
  }
  const region = named ?? opened.account.region;
  if (region === null) return { ok: false, code: 'busy', message: 'name a region' };
  const busy = await livesIn(deps, scope);
  if (busy.length > 0) {
    const message = `machines run in ${busy.join(', ')}: dstack aws clear --force ends them`;
    return { ok: false, code: 'busy', message };
  }
  const removed = await deps.accounts.ec2(scope, region).removeGroups();
  if (removed.ok) return { ok: true, region, groups: removed.value };
  const { code, message } = removed;
  return { ok: false, code: 'busy', message: `not deleted in ${region} (${code}: ${message})` };
}
