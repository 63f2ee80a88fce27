import type { Instant } from '../lib/clock.ts';
import type { Arch, Market } from '../model/launch.ts';

/** EC2's names of the states that we can reach; a machine of ours is never stopped, only ended. */
export type StateName = 'pending' | 'running' | 'shutting-down' | 'terminated';

export interface StateReason {
  readonly code: string;
  readonly message: string;
}

/** One instance, as the model keeps it; who reads it from outside may not change it. */
export interface Ec2Instance {
  readonly id: string;
  /** Grows with every instance: the order of listings, and what a page's token names. */
  readonly order: number;
  readonly reservation: string;
  readonly launchIndex: number;
  readonly region: string;
  readonly zone: string;
  readonly subnet: string;
  readonly vpc: string;
  readonly type: string;
  readonly arch: Arch;
  readonly imageId: string;
  readonly market: Market;
  /** $ an hour, as it was at the launch. */
  readonly priceUsd: number;
  readonly onDemandUsd: number;
  readonly securityGroups: readonly string[];
  readonly userData: string;
  readonly clientToken: string;
  /** false: a power-off from inside leaves it there, and billed for its disk. */
  readonly endsByPowerOff: boolean;
  readonly launchedAt: Instant;
  /** Before this, describe and terminate do not know it. */
  readonly visibleAt: Instant;
  readonly tags: Readonly<Record<string, string>>;
  readonly state: StateName;
  readonly stateReason: StateReason | null;
  readonly runningAt: Instant | null;
  /** When it left running (or pending): billing ends here. */
  readonly endedAt: Instant | null;
  /** When EC2 takes a spot instance back, from its notice on. */
  readonly reclaimAt: Instant | null;
}

/** The model's own view of the same record. */
export type MutableInstance = { -readonly [Key in keyof Ec2Instance]: Ec2Instance[Key] };

export type EndCode =
  | 'Client.UserInitiatedShutdown'
  | 'Client.InstanceInitiatedShutdown'
  | 'Server.SpotInstanceTermination';

const END_TEXT: Readonly<Record<EndCode, string>> = {
  'Client.UserInitiatedShutdown': 'User initiated shutdown',
  'Client.InstanceInitiatedShutdown': 'Instance initiated shutdown',
  'Server.SpotInstanceTermination': 'Spot instance termination',
};

export const endReason = (code: EndCode): StateReason => ({
  code,
  message: `${code}: ${END_TEXT[code]}`,
});

const HOUR_MS = 3_600_000;
const LEAST_BILLED_MS = 60_000;

export const isLive = ({ state }: Ec2Instance): boolean =>
  state === 'pending' || state === 'running';

/** What EC2 bills by the second: from running to the end, and a minute at least. */
export function billedMs(instance: Ec2Instance, now: Instant): number {
  if (instance.runningAt === null) return 0;
  const ranMs = (instance.endedAt ?? now) - instance.runningAt;
  const isReclaimed = instance.stateReason?.code === 'Server.SpotInstanceTermination';
  // What EC2 takes back within the first hour is free; what anybody else ends is not.
  if (isReclaimed && ranMs < HOUR_MS) return 0;
  return Math.max(LEAST_BILLED_MS, ranMs);
}

export interface Cost {
  readonly usd: number;
  /** The same seconds at on-demand prices, for comparison. */
  readonly onDemandUsd: number;
  readonly machineHours: number;
}

export function costOf(instances: Iterable<Ec2Instance>, now: Instant): Cost {
  const sum = { usd: 0, onDemandUsd: 0, machineHours: 0 };
  for (const instance of instances) {
    const hours = billedMs(instance, now) / HOUR_MS;
    sum.usd += hours * instance.priceUsd;
    sum.onDemandUsd += hours * instance.onDemandUsd;
    sum.machineHours += hours;
  }
  return sum;
}

export const plus = (a: Cost, b: Cost): Cost => ({
  usd: a.usd + b.usd,
  onDemandUsd: a.onDemandUsd + b.onDemandUsd,
  machineHours: a.machineHours + b.machineHours,
});
