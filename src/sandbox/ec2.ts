import { assert } from '../lib/assert.ts';
import { MARKETS } from '../model/launch.ts';
import { quotaOf } from '../model/quota.ts';
import {
  defaultVpc,
  onDemandUsd,
  regionOf,
  SANDBOX_ACCOUNT,
  spotUsd,
  typeRow,
  typeRows,
} from './aws-catalogue.ts';
import { type Ec2Instance, isLive, type MutableInstance } from './ec2-instance.ts';
import {
  type Answer,
  accept,
  type CheckedRun,
  checkRun,
  type Ec2Refusal,
  type RunCall,
  refuse,
} from './ec2-launch.ts';
import { createLife } from './ec2-life.ts';
import { createBuckets } from './ec2-limits.ts';
import {
  type DescribeQuery,
  EC2_DEFAULTS,
  type Ec2Change,
  type Ec2Model,
  type Ec2Settings,
  type Ec2Watch,
  type GroupRow,
  type PlaceOf,
} from './ec2-model.ts';
import type { Kernel } from './kernel.ts';

// EC2 as a model on the kernel: one account, its regions, its instances. The ports and the HTTP face
// ask it; the demo and the simulation turn its knobs. It keeps EC2's awkward promises: tokens are
// scoped to a zone, new instances show late, a lack of capacity is HTTP 500, a notice may not come.

const placeKey = (place: PlaceOf): string => `${place.zone} ${place.type} ${place.market}`;

export function createEc2(kernel: Kernel, given: Ec2Change = {}): Ec2Model {
  let settings = changed(EC2_DEFAULTS, given);
  let watch: Ec2Watch | undefined;
  let aboveMax = 0;
  const life = createLife(kernel, () => settings);
  const tokens = new Map<string, { bytes: string; instances: readonly Ec2Instance[] }>();
  const capacity = new Map<string, number>();
  const spotPrices = new Map<string, number>();
  const groups = new Map<string, readonly GroupRow[]>();
  const calls = new Map<string, number>();
  const buckets = createBuckets(kernel.now);

  const take = (key: string, count: number) => {
    const free = capacity.get(key);
    if (free !== undefined) capacity.set(key, free - count);
  };
  life.on('ended', (instance) => take(placeKey(instance), -1));

  function enter(region: string, action: string, resources = 0): Ec2Refusal | undefined {
    const name = action.split(' ')[0] ?? action;
    calls.set(name, (calls.get(name) ?? 0) + 1);
    if (settings.denied.includes(name)) {
      const message = 'You are not authorized to perform this operation.';
      return refuse('UnauthorizedOperation', message, 403);
    }
    if (!settings.hasRateLimits) return undefined;
    const isWithin =
      buckets.take(region, action) &&
      (resources === 0 || buckets.take(region, `${action} resources`, resources));
    if (isWithin) return undefined;
    kernel.mark('ec2 rate limit');
    return refuse('RequestLimitExceeded', 'Request limit exceeded.', 503);
  }

  function spotPriceUsd(type: string, zone: string): number {
    const key = `${type} ${zone}`;
    const row = typeRow(type);
    assert(row, `no such type: ${type}`);
    const price = spotPrices.get(key) ?? spotUsd(row, zone, kernel.rand(`spot price ${key}`));
    spotPrices.set(key, price);
    return price;
  }

  const liveOf = (isOf: (instance: Ec2Instance) => boolean): readonly Ec2Instance[] =>
    [...life.live].filter(isOf);

  /** vCPUs that the class has left; EC2 counts what is pending or running. */
  function vcpusLeft({ market }: RunCall, { type, subnet }: CheckedRun): number {
    const region = regionOf(subnet.zone);
    const rows = liveOf((one) => one.market === market && one.region === region)
      .map((one) => typeRow(one.type))
      .filter((row) => row?.quota === type.quota);
    const used = rows.reduce((sum, row) => sum + (row?.vcpus ?? 0), 0);
    return settings.quotas[`${type.quota} ${market}`] - used;
  }

  /** How many there is room for, or why there is none. */
  function roomFor(call: RunCall, checked: CheckedRun): Answer<number> {
    const { market, type } = call;
    const { zone } = checked.subnet;
    if (market === 'spot' && (call.maxPriceUsd ?? Number.MAX_VALUE) < spotPriceUsd(type, zone)) {
      kernel.mark('ec2 price');
      const message = `Your Spot request price of ${call.maxPriceUsd} is below the Spot price.`;
      return refuse('SpotMaxPriceTooLow', message);
    }
    const byQuota = Math.floor(vcpusLeft(call, checked) / checked.type.vcpus);
    if (byQuota < call.minCount) {
      kernel.mark('ec2 quota');
      return market === 'spot'
        ? refuse('MaxSpotInstanceCountExceeded', 'Max spot instance count exceeded')
        : refuse('VcpuLimitExceeded', 'You have requested more vCPU capacity than your limit.');
    }
    const free = capacity.get(placeKey({ zone, type, market })) ?? Number.MAX_SAFE_INTEGER;
    if (free < call.minCount) {
      kernel.mark('ec2 no capacity');
      const message = `We currently do not have sufficient ${type} capacity in ${zone}.`;
      return refuse('InsufficientInstanceCapacity', message, 500);
    }
    return accept(Math.min(call.maxCount, byQuota, free));
  }

  /** Our own promises, as of now: EC2's truth against what the harness says was meant. */
  function checkPromises(call: RunCall, launched: readonly Ec2Instance[]) {
    if (!watch) return;
    const launch = call.tags['dstack:launch'] ?? '';
    const rule = call.tags['dstack:rule'] ?? '';
    kernel.invariant(watch.hasIntent(launch), 'intent-first', `launch ${launch} was not intended`);
    const scopeOf = (one: Ec2Instance) => watch?.scopeOf?.(one) ?? one.tags['dstack:scope'] ?? '';
    const [one] = launched;
    const scope = one ? scopeOf(one) : '';
    const isOfRule = (other: Ec2Instance) =>
      other.tags['dstack:rule'] === rule && scopeOf(other) === scope;
    const count = liveOf(isOfRule).length;
    const max = watch.maxOf(scope, rule) ?? 0;
    if (count > max) aboveMax += 1;
    kernel.invariant(
      count <= max,
      'max',
      `${count} of ${rule} in ${scope} are live, max is ${max}`,
    );
  }

  function start(call: RunCall, checked: CheckedRun, count: number): readonly Ec2Instance[] {
    const { zone } = checked.subnet;
    const reservation = kernel.id('r');
    const priceUsd =
      call.market === 'spot'
        ? spotPriceUsd(call.type, zone)
        : onDemandUsd(checked.type, regionOf(zone));
    take(placeKey({ ...call, zone }), count);
    const launched = Array.from({ length: count }, (_, launchIndex) =>
      life.create({ call, checked, launchIndex, reservation, priceUsd }),
    );
    for (const { id, tags } of launched) {
      const what = `${call.type} ${zone} ${call.market} for ${tags['dstack:launch'] ?? 'nobody'}`;
      kernel.trace(`ec2: ${id} launched, ${what}`);
    }
    checkPromises(call, launched);
    return launched;
  }

  function runInstances(region: string, call: RunCall): Answer<readonly Ec2Instance[]> {
    const refused = enter(region, 'RunInstances', call.maxCount);
    if (refused) return refused;
    if (call.isDryRun) return refuse('DryRunOperation', 'Request would have succeeded.', 412);
    const checked = checkRun(call, region, (id) => groupsOf(region).some((one) => one.id === id));
    if (!checked.ok) return checked;
    // Where the call names no place, one token is good for the whole region.
    const scope = call.subnet || call.zone ? checked.value.subnet.zone : region;
    const key = `${scope} ${call.clientToken}`;
    const known = call.clientToken === '' ? undefined : tokens.get(key);
    if (known && known.bytes !== call.bytes) {
      kernel.mark('ec2 token mismatch');
      const message = 'The request uses the same client token as a previous, different one.';
      return refuse('IdempotentParameterMismatch', message);
    }
    if (known && known.instances.length > 0) {
      kernel.mark('ec2 token replay');
      return accept(known.instances);
    }
    const room = roomFor(call, checked.value);
    const launched = room.ok ? start(call, checked.value, room.value) : [];
    // A token stays bound to its parameters after a refusal, too; the same call may then succeed.
    tokens.set(key, { bytes: call.bytes, instances: launched });
    return room.ok ? accept(launched) : room;
  }

  function visible(region: string, id: string): MutableInstance | undefined {
    const instance = life.instances.get(id);
    const isKnown = instance?.region === region && instance.visibleAt <= kernel.now();
    return isKnown ? instance : undefined;
  }

  /** All of these, or EC2's refusal of the whole call for the first that it does not know. */
  function find(region: string, ids: readonly string[]): Answer<readonly MutableInstance[]> {
    const found = ids.flatMap((id) => visible(region, id) ?? []);
    const missing = ids.find((id) => !visible(region, id));
    if (missing === undefined) return accept(found);
    return refuse('InvalidInstanceID.NotFound', `The instance ID '${missing}' does not exist`);
  }

  function describeInstances(region: string, query: DescribeQuery): Answer<readonly Ec2Instance[]> {
    const { ids = [], filters, after = 0, limit = Number.MAX_SAFE_INTEGER } = query;
    const isBare = filters === undefined && query.limit === undefined;
    const refused = enter(region, `DescribeInstances${isBare ? ' all' : ''}`);
    if (refused) return refused;
    const named = find(region, ids);
    if (!named.ok) return named;
    const all = ids.length > 0 ? named.value : [...life.instances.values()];
    const isMatch = (one: Ec2Instance) =>
      [...(filters ?? [])].every(([name, values]) =>
        valuesOf(one, name).some((value) => values.includes(value)),
      );
    return accept(
      all
        .filter((one) => one.order > after && visible(region, one.id) && isMatch(one))
        .slice(0, limit),
    );
  }

  function terminateInstances(
    region: string,
    ids: readonly string[],
  ): Answer<readonly Ec2Instance[]> {
    const refused = enter(region, 'TerminateInstances', ids.length);
    if (refused) return refused;
    const found = find(region, ids);
    if (!found.ok) return found;
    for (const instance of found.value) {
      const isFine = !isLive(instance) || !watch?.mustNotEnd(instance);
      kernel.invariant(isFine, 'busy-kill', `${instance.id} was ended while its job ran`);
      life.end(instance.id, 'Client.UserInitiatedShutdown');
    }
    return found;
  }

  const groupsOf = (region: string): readonly GroupRow[] =>
    groups.get(region) ?? [
      {
        id: defaultVpc(region).replace('vpc-', 'sg-'),
        name: 'default',
        description: 'default VPC security group',
        vpc: defaultVpc(region),
      },
    ];

  return {
    account: SANDBOX_ACCOUNT,
    enter,
    runInstances,
    describeInstances,
    terminateInstances,
    createTags(region, ids, tags) {
      const refused = enter(region, 'CreateTags');
      if (refused) return refused;
      const found = find(region, ids);
      if (!found.ok) return found;
      for (const instance of found.value) instance.tags = { ...instance.tags, ...tags };
      return accept(null);
    },
    groups: groupsOf,
    createGroup(region, group) {
      const refused = enter(region, 'CreateSecurityGroup');
      if (refused) return refused;
      const isTaken = groupsOf(region).some(
        (one) => one.vpc === group.vpc && one.name === group.name,
      );
      if (isTaken) {
        return refuse('InvalidGroup.Duplicate', `The security group '${group.name}' exists`);
      }
      const id = kernel.id('sg');
      groups.set(region, [...groupsOf(region), { ...group, id }]);
      return accept(id);
    },
    deleteGroup(region, id) {
      const refused = enter(region, 'DeleteSecurityGroup');
      if (refused) return refused;
      const isUsed = liveOf((one) => one.securityGroups.includes(id)).length > 0;
      if (isUsed) return refuse('DependencyViolation', `resource ${id} has a dependent object`);
      groups.set(
        region,
        groupsOf(region).filter((group) => group.id !== id),
      );
      return accept(null);
    },
    spotPriceUsd,
    vcpuQuota(code) {
      const key = quotaKey(code);
      return key === undefined ? null : settings.quotas[key];
    },
    instances: life.instances,
    on: life.on,
    powerOff: life.powerOff,
    reclaim: life.reclaim,
    change(patch) {
      settings = changed(settings, patch);
    },
    setSpotPrice(type, zone, usd) {
      spotPrices.set(`${type} ${zone}`, usd);
    },
    setCapacity(place, more) {
      if (more === null) capacity.delete(placeKey(place));
      else capacity.set(placeKey(place), more);
    },
    watch(given) {
      watch = given;
    },
    calls,
    counts: () => ({ launched: life.launched, left: life.live.size, aboveMax }),
    cost: life.cost,
  };
}

/** The class and market that are behind a code of Service Quotas. */
function quotaKey(code: string): keyof Ec2Settings['quotas'] | undefined {
  for (const { type, quota } of typeRows()) {
    const market = MARKETS.find((one) => quotaOf(type, one)?.code === code);
    if (market !== undefined) return `${quota} ${market}`;
  }
  return undefined;
}

const changed = (settings: Ec2Settings, change: Ec2Change): Ec2Settings => ({
  ...settings,
  ...change,
  quotas: { ...settings.quotas, ...change.quotas },
});

/** What an instance has under a filter's name; a name that we do not know matches nothing. */
function valuesOf(instance: Ec2Instance, name: string): readonly string[] {
  if (name.startsWith('tag:')) return [instance.tags[name.slice(4)] ?? []].flat();
  if (name === 'tag-key') return Object.keys(instance.tags);
  if (name === 'instance-id') return [instance.id];
  if (name === 'instance-state-name') return [instance.state];
  if (name === 'client-token') return [instance.clientToken];
  if (name === 'instance-type') return [instance.type];
  return [];
}
