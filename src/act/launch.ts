import { createHash } from 'node:crypto';
import type { LaunchAnswer } from '../ec2/port.ts';
import type { LaunchId, RepoId, ScopeId } from '../model/ids.ts';
import type { Launch, LaunchRequest, Offer } from '../model/launch.ts';
import type { Rule } from '../model/rules.ts';
import { registrationToken } from '../model/tokens.ts';
import { userData } from '../model/user-data.ts';
import type { Action } from '../model/world.ts';
import type { Intent, Lease } from '../store/port.ts';
import { type ActDeps, leaseCovers } from './deps.ts';
import { launchedThere, leaveAlone } from './exhausted.ts';
import type { Sight } from './look.ts';
import { diskGbOf } from './offers.ts';

type LaunchAction = Extract<Action, { kind: 'launch' }>;

/**
 * Writes the launches down, whole, and then calls EC2. Answers whether the plan should look again at
 * once: a place turned out to be exhausted, and the next offer may do.
 */
export async function launchAll(
  deps: ActDeps,
  lease: Lease,
  made: { readonly sight: Sight; readonly actions: readonly LaunchAction[] },
): Promise<boolean> {
  const intents: Intent[] = [];
  for (const action of made.actions) {
    const intent = await prepare(deps, made.sight, action);
    if (intent) intents.push(intent);
  }
  if (intents.length === 0) return false;
  const launches = await deps.store.intend(lease, intents, deps.clock.now());
  const again = await Promise.all(launches.map((launch) => send(deps, lease, launch)));
  return again.some(Boolean);
}

/** Everything that the call will say; undefined when AWS or GitHub does not tell what it needs. */
async function prepare(
  deps: ActDeps,
  { account, rules, own, rows }: Sight,
  action: LaunchAction,
): Promise<Intent | undefined> {
  const { offer } = action;
  const rule = rules.find((one) => one.id === offer.rule);
  const { publicUrl } = deps.settings;
  if (!rule || account === null || publicUrl === null) return undefined;
  const its = own.get(action.repo)?.rules?.rules.get(rule.id);
  const { maxPriceUsd } = its ?? rule;
  // Its own price may be below the rule's cheapest place.
  if (maxPriceUsd !== null && (offer.priceUsd ?? 0) > maxPriceUsd) return undefined;
  const at = { account, region: offer.region };
  const image = await deps.catalogue.image(at, rule.image, offer.arch);
  const groups = await securityGroups(deps, { account, rule, offer });
  const repo = await deps.store.repo(action.repo);
  const runner = repo ? await deps.github.actionsRunner(repo, offer.arch) : undefined;
  if (!image.ok || !groups || !repo || !runner?.ok) {
    const why = !image.ok ? image.code : runner && !runner.ok ? runner.code : 'network';
    deps.log.warn(
      { scope: repo?.scope, rule: rule.id, why },
      'launch not prepared; next tick again',
    );
    return undefined;
  }
  const id = deps.random.hex(12);
  const request: LaunchRequest = {
    ...place(offer),
    clientToken: clientToken(id, offer),
    count: action.count,
    maxPriceUsd: offer.market === 'spot' ? maxPriceUsd : null,
    imageId: image.value.id,
    rootDevice: image.value.rootDevice,
    diskGb: diskGbOf(rule, image.value.sizeGb),
    securityGroups: groups,
    tags: tagsOf(deps, { id, repo: repo.id, scope: rows.scope, rule }),
    userData: userData({
      url: publicUrl,
      launch: id,
      token: registrationToken(deps.keys, id),
      daemonSha256: deps.settings.daemonSha256,
      actionsRunner: runner.value,
    }),
  };
  const { priceUsd } = offer;
  const named = { scope: rows.scope, repo: repo.id, account, rule: rule.id, max: rule.max };
  const all = { runnerGroup: null, repoMax: its?.max ?? null };
  return { id, ...named, ...all, ...place(offer), priceUsd, reason: action.reason, request };
}

const place = ({ region, zone, subnet, type, market }: Offer) => ({
  region,
  zone,
  subnet,
  type,
  market,
});

/**
 * Idempotency at EC2 is by zone: the same token in another zone is another machine. So the offer is
 * part of the token, and only the very same bytes are ever sent again under it.
 */
export const clientToken = (id: LaunchId, offer: Offer): string =>
  createHash('sha256')
    .update(JSON.stringify([id, ...Object.values(place(offer))]))
    .digest('hex');

const tagsOf = (deps: ActDeps, of: { id: LaunchId; repo: RepoId; scope: ScopeId; rule: Rule }) => ({
  Name: `dstack ${of.rule.type} ${of.scope}`,
  'dstack:app': deps.settings.app,
  'dstack:scope': of.scope,
  'dstack:repo': String(of.repo),
  'dstack:rule': of.rule.id,
  'dstack:launch': of.id,
});

async function securityGroups(
  deps: ActDeps,
  of: { account: string; rule: Rule; offer: Offer },
): Promise<readonly string[] | undefined> {
  const { account, rule, offer } = of;
  if (rule.securityGroups.length > 0) return rule.securityGroups;
  const at = { account, region: offer.region };
  const subnets = await deps.catalogue.subnets(at, rule.subnets);
  const vpc = subnets.ok ? subnets.value.find((one) => one.id === offer.subnet)?.vpc : undefined;
  const group = vpc === undefined ? undefined : await deps.catalogue.securityGroup(at, vpc);
  return group?.ok ? [group.value] : undefined;
}

/** Sends a launch's bytes, the first time or again, and writes down what came of it. */
export async function send(deps: ActDeps, lease: Lease, launch: Launch): Promise<boolean> {
  const { request } = launch;
  if (!request || !leaseCovers(lease, deps.clock.now())) return false;
  const answer = await deps.accounts.ec2(launch.account, launch.region).launch(request);
  const now = deps.clock.now();
  const facts = {
    scope: launch.scope,
    launch: launch.id,
    rule: launch.rule,
    zone: launch.zone,
    reason: launch.reason,
    ms: now - launch.createdAt,
  };
  if (answer.ok) {
    const { ownerAccount, instances } = answer;
    deps.log.info({ ...facts, instances }, 'instances launched');
    await deps.store.settle(launch.id, { outcome: 'launched', ownerAccount, instances }, now);
    await launchedThere(deps, launch, instances.length);
    return instances.length < launch.count;
  }
  deps.log.warn({ ...facts, failure: answer.failure, code: answer.code }, 'launch failed');
  return refused(deps, lease, { launch, answer });
}

async function refused(
  deps: ActDeps,
  lease: Lease,
  told: { readonly launch: Launch; readonly answer: Extract<LaunchAnswer, { ok: false }> },
): Promise<boolean> {
  const { launch, answer } = told;
  const { store, clock } = deps;
  const { failure, code } = answer;
  if (failure === 'unknown' || failure === 'throttled') {
    await store.sent(launch.id, clock.now() + backoffMs(launch.tries, deps.random.unit()));
    return false;
  }
  const reason = `not launched: ${code}`;
  await store.settle(launch.id, { outcome: 'failed', code, reason, lease }, clock.now());
  if (failure === 'invalid') deps.catalogue.forget(launch);
  await leaveAlone(deps, launch, { failure, code });
  return true;
}

/** Half a second, doubling to a minute, half of it by chance, so that many do not come back at once. */
export const backoffMs = (tries: number, chance: number): number =>
  Math.min(60_000, 500 * 2 ** Math.min(tries, 10)) * (0.5 + chance / 2);

/** A launch that nobody wants any more: its tag tells what became of it. */
export async function settleByTag(deps: ActDeps, lease: Lease, launch: Launch): Promise<void> {
  const now = deps.clock.now();
  if (!leaseCovers(lease, now)) return;
  const found = await deps.accounts.ec2(launch.account, launch.region).listLaunch(launch.id);
  if (!found.ok) return;
  const [first] = found.value;
  if (first) {
    const instances = found.value.map((one) => one.id);
    const { ownerAccount } = first;
    await deps.store.settle(launch.id, { outcome: 'launched', ownerAccount, instances }, now);
    return;
  }
  // EC2 may show an instance late: until 10 R have passed, its silence says nothing.
  if (now - launch.retryAt < 10 * deps.settings.resyncMs) return;
  const reason = 'no longer wanted, and EC2 shows nothing of it';
  await deps.store.settle(launch.id, { outcome: 'cancelled', code: '', reason, lease }, now);
}
