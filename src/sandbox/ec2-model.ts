import type { Market, Place } from '../model/launch.ts';
import type { QuotaClass } from './aws-catalogue.ts';
import type { Cost, Ec2Instance } from './ec2-instance.ts';
import type { Answer, Ec2Refusal, RunCall } from './ec2-launch.ts';

/** What capacity is counted by. */
export type PlaceOf = Pick<Place, 'zone' | 'type' | 'market'>;

/** Drawn evenly between the two, in milliseconds. */
export type Span = readonly [number, number];

export interface Ec2Settings {
  /** From the launch to `running`. */
  readonly bootMs: Span;
  /** From the launch until describe and terminate know the instance. */
  readonly visibleAfterMs: Span;
  /** From `shutting-down` to `terminated`. */
  readonly endingMs: Span;
  /** vCPUs by class and market. */
  readonly quotas: Readonly<Record<`${QuotaClass} ${Market}`, number>>;
  /** Actions for which IAM gives no permission, `RunInstances`. */
  readonly denied: readonly string[];
  /** The published token buckets; off for a demo that runs faster than the world. */
  readonly hasRateLimits: boolean;
}

/** What is left out stays as it is. */
export type Ec2Change = Partial<Omit<Ec2Settings, 'quotas'>> & {
  readonly quotas?: Partial<Ec2Settings['quotas']>;
};

export const EC2_DEFAULTS: Ec2Settings = {
  bootMs: [12_000, 20_000],
  visibleAfterMs: [0, 6_000],
  endingMs: [3_000, 20_000],
  quotas: {
    'standard spot': 1000,
    'standard on-demand': 1000,
    'g spot': 64,
    'g on-demand': 64,
    'hpc spot': 0,
    'hpc on-demand': 64,
  },
  denied: [],
  hasRateLimits: true,
};

/** What the harness knows and EC2 does not: promises are checked at the moment that they could break. */
export interface Ec2Watch {
  /** The most live instances of a rule in a scope; undefined: no such rule. */
  maxOf(scope: string, rule: string): number | undefined;
  /** Whose rules an instance counts by now; without it, those that its tag names. */
  scopeOf?(instance: Ec2Instance): string;
  /** The launch was written down before it was sent. */
  hasIntent(launch: string): boolean;
  /** A job runs there, and nobody has asked to end it all the same. */
  mustNotEnd(instance: Ec2Instance): boolean;
}

export interface DescribeQuery {
  /** Unknown ones are an error, as EC2 has it. */
  readonly ids?: readonly string[];
  /** `tag:…`, `tag-key`, `instance-id`, `instance-state-name`, `client-token`; any value of each. */
  readonly filters?: ReadonlyMap<string, readonly string[]>;
  readonly after?: number;
  readonly limit?: number;
}

export interface GroupRow {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly vpc: string;
}

export interface Ec2Model {
  readonly account: string;
  /** Counts a call, and refuses it where IAM or the rate limit does. */
  enter(region: string, action: string, resources?: number): Ec2Refusal | undefined;
  runInstances(region: string, call: RunCall): Answer<readonly Ec2Instance[]>;
  describeInstances(region: string, query: DescribeQuery): Answer<readonly Ec2Instance[]>;
  terminateInstances(region: string, ids: readonly string[]): Answer<readonly Ec2Instance[]>;
  createTags(
    region: string,
    ids: readonly string[],
    tags: Readonly<Record<string, string>>,
  ): Answer<null>;
  groups(region: string): readonly GroupRow[];
  deleteGroup(region: string, id: string): Answer<null>;
  createGroup(region: string, group: Omit<GroupRow, 'id'>): Answer<string>;
  /** $ an hour now, of a type that exists. */
  spotPriceUsd(type: string, zone: string): number;
  /** By the code of Service Quotas; null: none of our types counts against it. */
  vcpuQuota(code: string): number | null;

  /** Everything from launch until an hour after its end, and one of them; late visibility aside. */
  readonly instances: ReadonlyMap<string, Ec2Instance>;
  /** `ended`: it left pending or running, and whatever ran on it is gone. */
  on(moment: 'running' | 'notice' | 'ended', listener: (instance: Ec2Instance) => void): void;
  /** The machine's own power-off. */
  powerOff(id: string): void;
  /** EC2 takes a spot instance back: with two minutes' notice, or at once. */
  reclaim(id: string, hasNotice: boolean): void;
  change(settings: Ec2Change): void;
  /** From now on, until it is set again; machines that run keep the price of their launch. */
  setSpotPrice(type: string, zone: string, usd: number): void;
  /** How many more may be launched there; null: any number. */
  setCapacity(place: PlaceOf, more: number | null): void;
  watch(watch: Ec2Watch): void;
  /** `RunInstances` → how often it was called. */
  readonly calls: ReadonlyMap<string, number>;
  counts(): { readonly launched: number; readonly left: number; readonly aboveMax: number };
  cost(): Cost;
}
