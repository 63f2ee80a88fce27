import type { Ec2Instance } from './ec2-instance.ts';
import type { Ec2Model } from './ec2-model.ts';
import type { GitHubModel } from './github.ts';
import type { Runner } from './github-state.ts';
import type { Kernel } from './kernel.ts';
import { type Behaviour, runDaemon } from './machine-daemon.ts';
import type { Gateway } from './machine-reporter.ts';

/** What runs on the instances: in process here, as real processes in machine-process.ts. */
export interface Machines {
  /** The end of what a machine's daemon printed, for diagnosis. */
  outputOf(instance: string): string;
  /** Ends all of them, whatever they do. */
  close(): Promise<void>;
}

export interface MachinesDeps {
  readonly kernel: Kernel;
  readonly ec2: Pick<Ec2Model, 'on' | 'powerOff'>;
  readonly github: Pick<GitHubModel, 'runners'>;
  readonly gateway: Gateway;
  /** Asked once for each machine; all are sound without it. */
  readonly behaviourOf?: (instance: Ec2Instance) => Behaviour;
  /** From `running` until the daemon's first call: the system, the script, the download. */
  readonly startMs?: readonly [number, number];
  /** How much longer this one takes; none does without it. */
  readonly slowMsOf?: (instance: Ec2Instance) => number;
  readonly heartbeatMs?: number;
}

/** As on an image with nothing prepared. */
const START_MS = [8_000, 25_000] as const;
const HEARTBEAT_MS = 10_000;
/** A daemon asks for EC2's notice this often. */
const NOTICE_POLL_MS = 5_000;

/** Gives every instance of EC2 a machine in process, for as long as the instance runs. */
export function createMachines(deps: MachinesDeps): Machines {
  const { kernel, ec2, github, gateway } = deps;
  const [least, most] = deps.startMs ?? START_MS;
  const ends = new Map<string, () => void>();
  const notices = new Map<string, () => void>();

  ec2.on('running', (instance) => {
    // One name for all machines, so that a fault can say "the 7th call of any".
    const process = kernel.process('machine');
    const behaviour = deps.behaviourOf?.(instance) ?? 'sound';
    if (behaviour !== 'sound') kernel.trace(`machine: ${instance.id} is ${behaviour}`);
    kernel.mark(`machine ${behaviour}`);
    let runner: Runner | null = null;
    let isOver = false;
    ends.set(instance.id, () => {
      isOver = true;
      notices.delete(instance.id);
      process.kill();
      if (runner !== null) github.runners.die(runner);
    });
    const daemon = {
      process,
      instance,
      behaviour,
      github,
      gateway,
      startMs:
        least +
        Math.floor(kernel.rand('machine start') * (most - least)) +
        (deps.slowMsOf?.(instance) ?? 0),
      heartbeatMs: deps.heartbeatMs ?? HEARTBEAT_MS,
      powerOff: () => ec2.powerOff(instance.id),
      attach: (attached: Runner) => {
        runner = attached;
        // Its connection was on the way when the machine went: nobody is behind it.
        if (isOver) github.runners.die(attached);
      },
      onNotice: (tell: () => void) => {
        const look = () => {
          const pollMs = NOTICE_POLL_MS * kernel.rand('machine notice');
          process.at(pollMs, 'machine notice', tell);
        };
        if (instance.reclaimAt === null) notices.set(instance.id, look);
        else look();
      },
    };
    process.at(0, 'machine on', () => void runDaemon(daemon));
  });
  ec2.on('notice', ({ id }) => notices.get(id)?.());
  ec2.on('ended', ({ id }) => {
    ends.get(id)?.();
    ends.delete(id);
  });

  return {
    outputOf: () => '',
    async close() {
      for (const end of ends.values()) end();
      ends.clear();
    },
  };
}
