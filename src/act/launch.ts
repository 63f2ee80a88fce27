import { createHash } from 'node:crypto';
import type { LaunchId, RepoId, ScopeId } from '../model/ids.ts';
import type { LaunchRequest, Offer } from '../model/launch.ts';
import type { Rule } from '../model/rules.ts';
import { registrationToken } from '../model/tokens.ts';
import { userData } from '../model/user-data.ts';
import type { Action } from '../model/world.ts';
import type { Intent, Lease } from '../store/port.ts';
import type { ActDeps } from './deps.ts';
import { lineUp } from './ec2-line.ts';
import type { Sight } from './look.ts';
import { diskGbOf } from './offers.ts';
import { type Sent, send, together } from './send.ts';

type LaunchAction = Extract<Action, { kind: 'launch' }>;

/**
 * Writes the launches down, whole, and then calls EC2 with those whose turn it is; the others stand
 * in line.
 */
export async function launchAll(
  deps: ActDeps,
  lease: Lease,
  made: { readonly sight: Sight; readonly actions: readonly LaunchAction[] },
): Promise<Sent> {
  const intents: Intent[] = [];
  for (const action of made.actions) {
    const intent = await prepare(deps, made.sight, action);
    const sendAt = intent && (await lineUp(deps, intent, intent.request.count));
    if (intent && sendAt != null) intents.push({ ...intent, sendAt });
  }
  if (intents.length === 0) return together([]);
  const now = deps.clock.now();
  const launches = await deps.store.intend(lease, intents, now);
  const due = launches.filter(({ retryAt }) => retryAt <= now);
  const sent = await Promise.all(due.map((launch) => send(deps, lease, launch)));
  const turns = launches.filter(({ retryAt }) => retryAt > now);
  // The plan looks once more, and says of whose jobs the launch stands in line.
  return together([...sent, ...turns.map(({ retryAt }) => ({ again: true, nextAt: retryAt }))]);
}

/** Everything that the call will say; undefined when AWS or GitHub does not tell what it needs. */
async function prepare(
  deps: ActDeps,
  { account, rules, own, rows, runnerGroup }: Sight,
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
    tags: tagsOf(deps, { id, repo: repo.id, scope: rows.scope, rule, runnerGroup }),
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
  const all = { runnerGroup, repoMax: its?.max ?? null };
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

interface Tagged {
  readonly id: LaunchId;
  readonly repo: RepoId;
  readonly scope: ScopeId;
  readonly rule: Rule;
  readonly runnerGroup: string | null;
}

const tagsOf = (deps: ActDeps, of: Tagged) => ({
  Name: `dstack ${of.rule.type} ${of.scope}`,
  'dstack:app': deps.settings.app,
  'dstack:scope': of.scope,
  'dstack:repo': String(of.repo),
  'dstack:rule': of.rule.id,
  'dstack:launch': of.id,
  ...(of.runnerGroup === null ? {} : { 'dstack:runner-group': of.runnerGroup }),
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
