import type { TypeFacts } from '../ec2/port.ts';
import type { Reason } from '../model/job.ts';
import { MARKETS, type Market } from '../model/launch.ts';
import { quotaOf, quotaUrl } from '../model/quota.ts';
import type { Refused } from '../model/reply.ts';
import type { Rule } from '../model/rules.ts';
import type { At, Catalogue } from './catalogue.ts';
import { nearTypes } from './near-types.ts';
import { isAbsent, noImage, noSpot, noSubnets, noType, noZone, otherArch } from './rule-reasons.ts';

/** What AWS or the account cannot do for a rule. */
export interface RuleProblem extends Reason {
  /** Real types, the likeliest first. */
  readonly nearest?: readonly string[];
  /** Where a person can change it. */
  readonly url?: string;
}

export interface RuleCheck {
  readonly problems: readonly RuleProblem[];
  /** A sentence for each thing that AWS did not tell; nothing is held against the rule for it. */
  readonly unchecked: readonly string[];
}

export interface CheckAsk {
  readonly catalogue: Catalogue;
  readonly account: string;
  readonly rule: Rule;
}

const FINE: RuleCheck = { problems: [], unchecked: [] };

/** Asked before a rule is allowed, so that what cannot work is said at once and not by waiting jobs. */
export async function checkRule(ask: CheckAsk): Promise<RuleCheck> {
  const { catalogue, rule } = ask;
  const type = await catalogue.type(atOf(ask), rule.type);
  // All other questions begin with what the type is.
  if (!type.ok) return unchecked(`whether ${rule.region} can launch ${rule.type}`, type);
  if (!type.value) return unknownType(ask);
  const checks = await Promise.all([
    checkMarket(ask, type.value),
    checkZones(ask, type.value),
    checkQuota(ask, type.value),
    checkImage(ask, type.value),
  ]);
  return {
    problems: checks.flatMap(({ problems }) => problems),
    unchecked: checks.flatMap((one) => one.unchecked),
  };
}

const atOf = ({ account, rule }: CheckAsk): At => ({ account, region: rule.region });

const problem = (...problems: readonly RuleProblem[]): RuleCheck => ({ problems, unchecked: [] });

const unchecked = (what: string, { code }: Refused): RuleCheck => ({
  problems: [],
  unchecked: [`Not checked, because AWS does not say (${code}): ${what}.`],
});

async function unknownType(ask: CheckAsk): Promise<RuleCheck> {
  const { rule, catalogue } = ask;
  const names = await catalogue.typeNames(atOf(ask));
  const near = names.ok ? nearTypes(rule.type, names.value) : [];
  const text = `${rule.type} is no instance type of ${rule.region}.`;
  return problem({ ...noType(rule), text, ...(near.length > 0 && { nearest: near }) });
}

/** A type may have a spot market, and none in this region. */
async function checkMarket(ask: CheckAsk, type: TypeFacts): Promise<RuleCheck> {
  const { rule, catalogue } = ask;
  if (rule.spotPolicy !== 'spot') return FINE;
  if (!type.hasSpot) return problem(noSpot(rule));
  const prices = await catalogue.prices(atOf(ask), rule.type);
  if (!prices.ok) return unchecked(`the spot market of ${rule.type} in ${rule.region}`, prices);
  return prices.value.size > 0 ? FINE : problem(noSpot(rule));
}

async function checkZones(ask: CheckAsk, type: TypeFacts): Promise<RuleCheck> {
  const { rule, catalogue } = ask;
  const subnets = await catalogue.subnets(atOf(ask), rule.subnets);
  if (!subnets.ok) {
    if (isAbsent(subnets)) return problem(noSubnets(rule));
    return unchecked(`the subnets in ${rule.region}`, subnets);
  }
  const isOffered = subnets.value.some(({ zone }) => type.zones.includes(zone));
  return isOffered ? FINE : problem(noZone(rule));
}

/** Room for one machine in one of the markets that the rule may use is enough. */
async function checkQuota(ask: CheckAsk, type: TypeFacts): Promise<RuleCheck> {
  const { spotPolicy } = ask.rule;
  const markets = MARKETS.filter((market) => spotPolicy === 'auto' || spotPolicy === market);
  const checks = await Promise.all(markets.map((market) => checkQuotaOf(ask, type, market)));
  const isRoom = checks.some((one) => one.problems.length + one.unchecked.length === 0);
  if (isRoom) return FINE;
  const untold = checks.flatMap((one) => one.unchecked);
  // Where one of them is not known, there may be room in it.
  const problems = untold.length > 0 ? [] : checks.flatMap((one) => one.problems);
  return { problems, unchecked: untold };
}

async function checkQuotaOf(ask: CheckAsk, type: TypeFacts, market: Market): Promise<RuleCheck> {
  const { rule, catalogue } = ask;
  const quota = quotaOf(rule.type, market);
  if (!quota) return FINE;
  const { code, name } = quota;
  const vcpus = await catalogue.vcpuQuota(atOf(ask), code);
  if (!vcpus.ok) return unchecked(`the ${market} quota ${code} of ${rule.region}`, vcpus);
  if (vcpus.value === null || vcpus.value >= type.vcpus) return FINE;
  return problem({
    code: 'quota',
    text: `One ${rule.type} needs ${type.vcpus} vCPUs; the ${market} quota ${code} (${name}) of ${rule.region} is ${vcpus.value}.`,
    url: quotaUrl(rule.region, code),
  });
}

async function checkImage(ask: CheckAsk, type: TypeFacts): Promise<RuleCheck> {
  const { rule, catalogue } = ask;
  const image = await catalogue.image(atOf(ask), rule.image, type.arch);
  if (!image.ok) {
    return isAbsent(image)
      ? problem(noImage(rule, image))
      : unchecked(`image ${rule.image} in ${rule.region}`, image);
  }
  if (image.value.arch === type.arch) return FINE;
  return problem(otherArch(rule, { image: image.value.arch, type: type.arch }));
}
