import type { Instant } from '../lib/clock.ts';
import { onDemandUsd, regionOf } from './aws-catalogue.ts';
import {
  type Cost,
  costOf,
  type Ec2Instance,
  type EndCode,
  endReason,
  isLive,
  type MutableInstance,
  plus,
} from './ec2-instance.ts';
import type { CheckedRun, RunCall } from './ec2-launch.ts';
import type { Ec2Settings, Span } from './ec2-model.ts';
import type { Kernel } from './kernel.ts';

const NOTICE_MS = 120_000;
/** EC2 shows a terminated instance for about an hour. */
const REMEMBERED_MS = 3_600_000;

export type Moment = 'running' | 'notice' | 'ended';
export type Listener = (instance: Ec2Instance) => void;

/** Instances from birth to oblivion: pending, running, shutting-down, terminated, forgotten. */
export interface Ec2Life {
  /** All that EC2 remembers, in the order of their launch. */
  readonly instances: ReadonlyMap<string, MutableInstance>;
  /** Those pending or running. */
  readonly live: ReadonlySet<Ec2Instance>;
  readonly launched: number;
  create(birth: Birth): Ec2Instance;
  /** Nothing happens to what has ended already. */
  end(id: string, code: EndCode): void;
  powerOff(id: string): void;
  reclaim(id: string, hasNotice: boolean): void;
  on(moment: Moment, listener: Listener): void;
  cost(): Cost;
}

/** What a checked call and its place make of each instance. */
export interface Birth {
  readonly call: RunCall;
  readonly checked: CheckedRun;
  readonly launchIndex: number;
  readonly reservation: string;
  readonly priceUsd: number;
}

export function createLife(kernel: Kernel, settings: () => Ec2Settings): Ec2Life {
  let launched = 0;
  let forgotten: Cost = { usd: 0, onDemandUsd: 0, machineHours: 0 };
  const instances = new Map<string, MutableInstance>();
  const live = new Set<MutableInstance>();
  const listeners: Readonly<Record<Moment, Listener[]>> = { running: [], notice: [], ended: [] };

  const draw = (label: string, [least, most]: Span): number =>
    least + Math.floor(kernel.rand(`ec2 ${label}`) * (most - least + 1));
  const tell = (moment: Moment, instance: Ec2Instance) => {
    for (const listener of listeners[moment]) listener(instance);
  };

  function create(birth: Birth): Ec2Instance {
    launched += 1;
    const visibleAt = kernel.now() + draw('visible', settings().visibleAfterMs);
    const facts = { id: kernel.id('i'), order: launched, launchedAt: kernel.now(), visibleAt };
    const instance = newborn(birth, facts);
    instances.set(instance.id, instance);
    live.add(instance);
    kernel.at(draw('boot', settings().bootMs), 'ec2 boot', () => {
      if (instance.state !== 'pending') return;
      instance.state = 'running';
      instance.runningAt = kernel.now();
      tell('running', instance);
    });
    return instance;
  }

  function end(id: string, code: EndCode) {
    const instance = instances.get(id);
    if (!instance || !isLive(instance)) return;
    instance.state = 'shutting-down';
    instance.stateReason = endReason(code);
    instance.endedAt = kernel.now();
    live.delete(instance);
    kernel.trace(`ec2: ${id} ends, ${code}`);
    kernel.mark(`ec2 ${code}`);
    kernel.at(draw('ending', settings().endingMs), 'ec2 terminated', () => {
      instance.state = 'terminated';
      kernel.at(REMEMBERED_MS, 'ec2 forgets', () => forget(instance));
    });
    tell('ended', instance);
  }

  function forget(instance: MutableInstance) {
    forgotten = plus(forgotten, costOf([instance], kernel.now()));
    instances.delete(instance.id);
  }

  function reclaim(id: string, hasNotice: boolean) {
    const instance = instances.get(id);
    if (!instance || !isLive(instance) || instance.market !== 'spot') return;
    if (!hasNotice) return end(id, 'Server.SpotInstanceTermination');
    if (instance.reclaimAt !== null) return;
    instance.reclaimAt = kernel.now() + NOTICE_MS;
    kernel.trace(`ec2: ${id} is taken back in two minutes`);
    kernel.at(NOTICE_MS, 'ec2 reclaim', () => end(id, 'Server.SpotInstanceTermination'));
    tell('notice', instance);
  }

  return {
    instances,
    live,
    get launched() {
      return launched;
    },
    create,
    end,
    powerOff(id) {
      const instance = instances.get(id);
      if (instance?.endsByPowerOff) end(id, 'Client.InstanceInitiatedShutdown');
    },
    reclaim,
    on: (moment, listener) => {
      listeners[moment].push(listener);
    },
    cost: () => plus(forgotten, costOf(instances.values(), kernel.now())),
  };
}

function newborn(
  { call, checked, ...birth }: Birth,
  facts: { id: string; order: number; launchedAt: Instant; visibleAt: Instant },
): MutableInstance {
  const { type, subnet } = checked;
  const region = regionOf(subnet.zone);
  return {
    ...facts,
    reservation: birth.reservation,
    launchIndex: birth.launchIndex,
    region,
    zone: subnet.zone,
    subnet: subnet.id,
    vpc: subnet.vpc,
    type: type.type,
    arch: type.arch,
    imageId: call.imageId,
    market: call.market,
    priceUsd: birth.priceUsd,
    onDemandUsd: onDemandUsd(type, region),
    securityGroups: call.securityGroups,
    userData: call.userData,
    clientToken: call.clientToken,
    // A one-time spot instance ends when it powers off, whatever the call says.
    endsByPowerOff: call.endsByPowerOff || call.market === 'spot',
    tags: call.tags,
    state: 'pending',
    stateReason: null,
    runningAt: null,
    endedAt: null,
    reclaimAt: null,
  };
}
