import { createHash } from 'node:crypto';
import type { LaunchId, RepoId, RuleId, ScopeId } from '../model/ids.ts';
import type { Reason } from '../model/job.ts';
import type { LaunchRequest, Offer } from '../model/launch.ts';
import { done, type Refused, type Reply } from '../model/reply.ts';
import type { Rule } from '../model/rules.ts';
import { registrationToken } from '../model/tokens.ts';
import { userData } from '../model/user-data.ts';
import type { Action, Plan, World } from '../model/world.ts';
import type { Intent } from '../store/port.ts';
import type { ActDeps } from './deps.ts';
import type { Sight } from './look.ts';
import { diskGbOf } from './offers.ts';
import { awsReason } from './rule-reasons.ts';

type LaunchAction = Extract<Action, { kind: 'launch' }>;

/** A launch that something is missing for, which AWS or GitHub does not give. */
export interface Unready {
  readonly repo: RepoId;
  readonly rule: RuleId;
  readonly reason: Reason;
}

/** Everything that the calls will say, and what some of them cannot be made for. */
export async function prepareAll(
  deps: ActDeps,
  sight: Sight,
  { actions }: Plan,
): Promise<{ readonly intents: readonly Intent[]; readonly unready: readonly Unready[] }> {
  const intents: Intent[] = [];
  const unready: Unready[] = [];
  for (const action of actions) {
    if (action.kind !== 'launch') continue;
    const made = await prepare(deps, sight, action);
    if ('request' in made) intents.push(made);
    else {
      unready.push(made);
      const { rule, reason } = made;
      const facts = { scope: sight.rows.scope, rule, ...reason };
      deps.log.warn(facts, 'launch not prepared; next tick again');
    }
  }
  return { intents, unready };
}

/** The world in which these launch nothing. */
export const without = (world: World, unready: readonly Unready[]): World => ({
  ...world,
  repos: world.repos.map((repo) => {
    const its = unready.filter((one) => one.repo === repo.id);
    if (its.length === 0) return repo;
    const more = Object.fromEntries(its.map(({ rule, reason }) => [rule, reason]));
    return { ...repo, closed: { ...repo.closed, ...more } };
  }),
});

async function prepare(
  deps: ActDeps,
  { account, rules, own, rows, runnerGroup }: Sight,
  action: LaunchAction,
): Promise<Intent | Unready> {
  const { offer } = action;
  const missing = (reason: Reason): Unready => ({ repo: action.repo, rule: offer.rule, reason });
  const rule = rules.find((one) => one.id === offer.rule);
  const repo = await deps.store.repo(action.repo);
  const { publicUrl } = deps.settings;
  if (!rule || !repo || account === null || publicUrl === null) return missing(CHANGED);
  const its = own.get(action.repo)?.rules?.rules.get(rule.id);
  const { maxPriceUsd } = its ?? rule;
  const at = { account, region: offer.region };
  const image = await deps.catalogue.image(at, rule.image, offer.arch);
  if (!image.ok) return missing(awsReason(rule, image));
  const groups = await securityGroups(deps, { account, rule, offer });
  if (!groups.ok) return missing(noSecurityGroup(rule, groups));
  const runner = await deps.github.actionsRunner(repo, offer.arch);
  if (!runner.ok) return missing(noRunner(runner));
  const id = deps.random.hex(12);
  const request: LaunchRequest = {
    ...place(offer),
    clientToken: clientToken(id, offer),
    count: action.count,
    maxPriceUsd: offer.market === 'spot' ? maxPriceUsd : null,
    imageId: image.value.id,
    rootDevice: image.value.rootDevice,
    diskGb: diskGbOf(rule, image.value.sizeGb),
    securityGroups: groups.value,
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

/** It was there a moment ago. */
const CHANGED: Reason = {
  code: 'rules-change',
  text: 'Its rule or its repository has just changed; it is looked at anew in a moment.',
};

const noSecurityGroup = ({ region }: Rule, { reason, code }: Refused): Reason =>
  reason === 'denied'
    ? { code: 'iam', text: `AWS refuses the security group of machines in ${region}: ${code}.` }
    : { code: 'aws-slow', text: `AWS gives no security group in ${region} now: ${code}.` };

const noRunner = ({ reason, code }: Refused): Reason =>
  reason === 'denied'
    ? { code: 'github-denied', text: `GitHub refuses to name the runner to install: ${code}.` }
    : { code: 'github-slow', text: `GitHub does not name the runner to install now: ${code}.` };

async function securityGroups(
  deps: ActDeps,
  of: { account: string; rule: Rule; offer: Offer },
): Promise<Reply<readonly string[]>> {
  const { account, rule, offer } = of;
  if (rule.securityGroups.length > 0) return done(rule.securityGroups);
  const at = { account, region: offer.region };
  const subnets = await deps.catalogue.subnets(at, rule.subnets);
  if (!subnets.ok) return subnets;
  const vpc = subnets.value.find((one) => one.id === offer.subnet)?.vpc;
  if (vpc === undefined) return { ok: false, ...GONE };
  const group = await deps.catalogue.securityGroup(at, vpc);
  return group.ok ? done([group.value]) : group;
}

const GONE = { reason: 'missing', code: 'subnet', message: 'The subnet is gone' } as const;
