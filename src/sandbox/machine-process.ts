import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import { isoOf } from '../lib/instant.ts';
import type { Random } from '../lib/random.ts';
import { assignmentsOf } from './assignments.ts';
import { identityOf } from './aws-identity.ts';
import type { Ec2Instance } from './ec2-instance.ts';
import type { Ec2Model } from './ec2-model.ts';
import { createImds, type SandboxImds } from './imds.ts';
import type { Kernel } from './kernel.ts';
import { listen } from './loopback.ts';
import type { Machines } from './machine.ts';

// Machines as real processes: for each instance a folder, a metadata service and the daemon that the
// app serves, with nothing of the user data's script but its assignments. The world has to run at the
// speed of the clock here, since the daemon has no other.

export interface ProcessMachinesDeps {
  readonly kernel: Kernel;
  readonly ec2: Ec2Model;
  readonly clock: Clock;
  readonly random: Random;
  /** PATH of the daemon and its children: all that they get of our environment. */
  readonly searchPath: string;
}

interface RealMachine {
  readonly instance: Ec2Instance;
  readonly folder: string;
  imds: SandboxImds | null;
  child: ChildProcess | null;
  output: string;
}

const FETCH_TRIES = 10;
const FETCH_TIMEOUT_MS = 30_000;
const FETCH_RETRY_MS = 500;
const OUTPUT_LIMIT = 65_536;
/** Outputs of machines that are gone, the oldest forgotten first. */
const OUTPUTS_KEPT = 50;

export async function createProcessMachines(deps: ProcessMachinesDeps): Promise<Machines> {
  const { kernel, ec2, clock } = deps;
  const machines = new Map<string, RealMachine>();
  const outputs = new Map<string, string>();
  const removals = new Set<Promise<void>>();
  const powerSwitch = await listen(
    createServer((request, response) => {
      const id = (request.url ?? '').replace('/off/', '');
      void kernel
        .visit('machine off', () => ec2.powerOff(id))
        .then(() => response.writeHead(200).end());
    }),
  );

  const say = (machine: RealMachine, text: string) => {
    machine.output = (machine.output + text).slice(-OUTPUT_LIMIT);
  };

  async function start(machine: RealMachine): Promise<void> {
    const { instance, folder } = machine;
    const imds = await createImds(deps, viewOf(instance));
    machine.imds = imds;
    const assignments = assignmentsOf(instance.userData);
    const daemon = await fetchDaemon(clock, assignments);
    // The machine may have ended meanwhile.
    if (machines.get(instance.id) !== machine) return imds.close();
    if (typeof daemon === 'string') {
      say(machine, `${daemon}; powering off\n`);
      await kernel.visit('machine off', () => ec2.powerOff(instance.id));
      return;
    }
    const file = join(folder, 'dstack-runner.mjs');
    writeFileSync(file, daemon);
    const off = `curl -fsS -o '${folder}/off' -X POST '${powerSwitch.url}/off/${instance.id}'`;
    const child = spawn(process.execPath, [file, 'start'], {
      cwd: folder,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...Object.fromEntries(assignments),
        PATH: deps.searchPath,
        HOME: folder,
        DSTACK_HOME: homeOf(folder),
        // Without its folder the machine is off: whatever is left of it has nothing more to do.
        DSTACK_POWEROFF: `[ ! -e '${folder}' ] || ${off}`,
        DSTACK_RUNNER_USER: '',
        RUNNER_ALLOW_RUNASROOT: '1',
        AWS_EC2_METADATA_SERVICE_ENDPOINT: imds.url,
      },
    });
    machine.child = child;
    child.on('error', (error) => say(machine, `${error.message}\n`));
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (part) => say(machine, String(part)));
    }
  }

  /** As when the power goes: no process of it does anything any more. */
  function end(id: string): void {
    const machine = machines.get(id);
    if (!machine) return;
    machines.delete(id);
    outputs.set(id, machine.output);
    for (const oldest of [...outputs.keys()].slice(0, -OUTPUTS_KEPT)) outputs.delete(oldest);
    killGroup(machine.child?.pid);
    killGroup(actionsRunnerOf(machine.folder));
    void machine.imds?.close();
    const removal = remove(machine.folder).finally(() => removals.delete(removal));
    removals.add(removal);
  }

  ec2.on('running', (instance) => {
    const folder = mkdtempSync(join(tmpdir(), 'dstack-machine-'));
    mkdirSync(homeOf(folder));
    const machine = { instance, folder, imds: null, child: null, output: '' };
    machines.set(instance.id, machine);
    start(machine).catch((error: unknown) => say(machine, `${String(error)}\n`));
  });
  ec2.on('notice', ({ id, reclaimAt }) => {
    const leftMs = (reclaimAt ?? 0) - kernel.now();
    const time = isoOf(clock.now() + leftMs).replace(/\.\d+/, '');
    machines.get(id)?.imds?.setNotice({ action: 'terminate', time });
  });
  ec2.on('ended', ({ id }) => end(id));

  return {
    outputOf: (id) => machines.get(id)?.output ?? outputs.get(id) ?? '',
    async close() {
      for (const id of [...machines.keys()]) end(id);
      await Promise.all(removals);
      await powerSwitch.close();
    },
  };
}

const homeOf = (folder: string): string => join(folder, 'home');

/** A process that dies may still write for a moment; what is left after all is the system's to clean. */
const remove = (folder: string): Promise<void> =>
  rm(folder, { recursive: true, force: true, maxRetries: 10 }).catch(() => {});

const viewOf = (instance: Ec2Instance) => ({
  instance: instance.id,
  region: instance.region,
  zone: instance.zone,
  type: instance.type,
  image: instance.imageId,
  market: instance.market,
  userData: instance.userData,
  identity: identityOf(instance.id),
});

/** The daemon's file, or why there is none. */
async function fetchDaemon(
  clock: Clock,
  assignments: ReadonlyMap<string, string>,
): Promise<Buffer | string> {
  const url = `${assignments.get('DSTACK_URL')}/runner/v1/dstack-runner.mjs`;
  let trouble = '';
  for (let tries = 0; tries < FETCH_TRIES; tries++) {
    if (tries > 0) await clock.sleep(FETCH_RETRY_MS);
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) });
      trouble = `${url} answers ${answer.status}`;
      if (!answer.ok) continue;
      const bytes = Buffer.from(await answer.arrayBuffer());
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      if (sha256 === assignments.get('DSTACK_RUNNER_SHA256')) return bytes;
      return `the daemon's SHA-256 is ${sha256}, which is not the promised one`;
    } catch (error) {
      trouble = `${url}: ${String(error)}`;
    }
  }
  return trouble;
}

/** Where the daemon writes which process group its Actions runner leads. */
function actionsRunnerOf(folder: string): number | undefined {
  try {
    const pid = Number(readFileSync(join(homeOf(folder), 'actions-runner.pid'), 'utf8'));
    return Number.isInteger(pid) && pid > 1 ? pid : undefined;
  } catch {
    return undefined;
  }
}

function killGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
