// Everything around one daemon: an app, a metadata service, GitHub's runner service, and a power
// switch that is an HTTP call.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/lib/clock.ts';
import { systemRandom } from '../../src/lib/random.ts';
import {
  ACTIONS_RUNNER_VERSION,
  actionsRunnerArchive,
  encodeJitConfig,
} from '../../src/sandbox/actions-runner.ts';
import { createImds, type SandboxImds } from '../../src/sandbox/imds.ts';

export const BUNDLE = fileURLToPath(new URL('../../dist/dstack-runner.mjs', import.meta.url));
export const TOKEN = 'registration-token-0123456789abcdef';
export const SESSION = 'session-0123456789abcdef';
export const IDENTITY = {
  AccessKeyId: 'ASIAEXAMPLE',
  SecretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  Token: 'IQoJb3JpZ2luX2VjEXAMPLE+/==',
};

export const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest('hex');

/** As far as a test reads what the daemon sent. */
// biome-ignore lint/suspicious/noExplicitAny: the shape is what the tests assert
type Json = any;

export interface FakeJob {
  readonly name: string;
  readonly key: string;
  readonly run: number;
  readonly attempt: number;
  readonly repository: string;
  readonly event: string;
  readonly ms: number;
  readonly conclusion: 'success' | 'failure' | 'cancelled';
}

export const aJob = (of: Partial<FakeJob> = {}): FakeJob => ({
  name: 'build (1)',
  key: 'build',
  run: 77,
  attempt: 2,
  repository: 'octo/hello',
  event: 'push',
  ms: 200,
  conclusion: 'success',
  ...of,
});

export interface Plan {
  /** What GitHub hands out, in this order, one for each runner that connects. */
  readonly jobs?: readonly FakeJob[];
  readonly settings?: object;
  readonly archiveSha256?: string;
  /** The answers before the good one. */
  readonly refusals?: readonly (readonly [status: number, body: object])[];
  /** The app's order after these kinds of events, given everything heard so far. */
  next?(kinds: readonly string[], stage: Stage): string | undefined;
}

export interface Ended {
  readonly code: number | null;
  readonly output: string;
}

export interface Stage {
  readonly url: string;
  readonly home: string;
  readonly imds: SandboxImds;
  readonly registers: Json[];
  readonly events: Json[];
  readonly authorizations: Set<string | undefined>;
  readonly finished: string[];
  readonly archive: Buffer;
  offs(): number;
  /** Resolves at the first power-off. */
  readonly off: Promise<void>;
  /** The events but for `log`, as the tests read them. */
  kinds(): string[];
  event(kind: string): Json;
  /** Resolves when the daemon that `run` started has printed that. */
  said(text: string): Promise<void>;
  variables(): Record<string, string>;
  run(command: readonly string[], env?: Record<string, string>): Promise<Ended>;
  /** Ends the daemon that `run` started, as the kernel would that is out of memory. */
  kill(): void;
  close(): Promise<void>;
}

export const jitConfig = (base: string, secret: string) =>
  encodeJitConfig({ base: `${base}/github`, secret, name: 'dstack-1' });

export async function createStage(plan: Plan = {}): Promise<Stage> {
  const home = mkdtempSync(join(tmpdir(), 'dstack-runner-'));
  const imds = await createImds(
    { clock: systemClock, random: systemRandom },
    {
      instance: 'i-0123456789abcdef0',
      region: 'eu-west-1',
      zone: 'eu-west-1a',
      type: 'm5.large',
      image: 'ami-1',
      market: 'spot',
      userData: '',
      identity: IDENTITY,
    },
  );
  let offs = 0;
  let tellOff = () => {};
  const off = new Promise<void>((resolve) => {
    tellOff = resolve;
  });
  const sayings = new Map<string, () => void>();
  let child: ChildProcess | undefined;
  const jobs = [...(plan.jobs ?? [])];
  const archive = actionsRunnerArchive();
  const server = createServer(async (request, response) => {
    const body = await bodyOf(request);
    const [status, answer] = handle(request, body);
    if (Buffer.isBuffer(answer)) return void response.writeHead(status).end(answer);
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer));
  });

  function handle(request: IncomingMessage, body: Json): [number, object] {
    switch (`${request.method} ${request.url}`) {
      case 'GET /runner/v1/dstack-runner.mjs':
        return [200, readFileSync(BUNDLE)];
      case 'GET /actions-runner.tar.gz':
        return [200, archive];
      case 'POST /off':
        offs++;
        tellOff();
        return [200, {}];
      case 'POST /runner/v1/register':
        return register(body);
      case 'POST /runner/v1/events':
        return hear(request, body);
      case 'POST /github/connect':
        return [200, { name: 'dstack-1' }];
      case 'POST /github/poll':
        return [200, { job: jobs.shift() }];
      case 'POST /github/finish':
        stage.finished.push(body.conclusion);
        return [200, {}];
      default:
        return [request.url === '/github/beat' ? 200 : 404, {}];
    }
  }

  function register(body: Json): [number, object] {
    stage.registers.push(body);
    const refusal = plan.refusals?.[stage.registers.length - 1];
    if (refusal) return [refusal[0], refusal[1]];
    const actionsRunner = {
      version: ACTIONS_RUNNER_VERSION,
      url: `${stage.url}/actions-runner.tar.gz`,
      sha256: plan.archiveSha256 ?? sha256(archive),
    };
    const settings = { heartbeatMs: 100, noticePollMs: 100, ...plan.settings };
    const jit = jitConfig(stage.url, 'one');
    const runner = 'dstack-1';
    return [201, { runner, jitConfig: jit, session: SESSION, actionsRunner, settings }];
  }

  function hear(request: IncomingMessage, body: Json): [number, object] {
    stage.authorizations.add(request.headers.authorization);
    stage.events.push(...body.events);
    const next = plan.next?.(stage.kinds(), stage) ?? 'continue';
    return [200, next === 'job' ? { next, jitConfig: jitConfig(stage.url, 'two') } : { next }];
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  const stage: Stage = {
    url,
    home,
    imds,
    registers: [],
    events: [],
    authorizations: new Set(),
    finished: [],
    archive,
    offs: () => offs,
    off,
    kinds: () => stage.events.map((event) => event.kind).filter((kind) => kind !== 'log'),
    event: (kind) => stage.events.find((event) => event.kind === kind),
    said: (text) => new Promise((resolve) => sayings.set(text, resolve)),
    variables: () => ({
      PATH: process.env['PATH'] ?? '',
      RUNNER_ALLOW_RUNASROOT: '1',
      DSTACK_URL: url,
      DSTACK_LAUNCH: 'launch-1',
      DSTACK_TOKEN: TOKEN,
      DSTACK_HOME: home,
      DSTACK_RUNNER_USER: '',
      DSTACK_POWEROFF: `curl -fsS -o /dev/null -X POST ${url}/off`,
      AWS_EC2_METADATA_SERVICE_ENDPOINT: imds.url,
    }),
    run([file = '', ...args], env = stage.variables()) {
      child = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
      return endOf(child, (output) => {
        for (const [text, go] of sayings) if (output.includes(text)) go();
      });
    },
    kill: () => void child?.kill('SIGKILL'),
    async close() {
      await imds.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      rmSync(home, { recursive: true, force: true });
    },
  };
  return stage;
}

function endOf(child: ChildProcess, hear: (output: string) => void): Promise<Ended> {
  return new Promise((resolve, reject) => {
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (data) => {
        output += data;
        hear(output);
      });
    }
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
}

async function bodyOf(request: IncomingMessage): Promise<Json> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part);
  const text = Buffer.concat(parts).toString();
  return text === '' ? {} : JSON.parse(text);
}

/**
 * A Node older than the one that runs the tests, as an image may have it; undefined where there is
 * none.
 */
export function olderNode(): string | undefined {
  const own = process.versions.node.split('.')[0];
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders
    .map((folder) => join(folder, 'node'))
    .find((file) => {
      const asked = spawnSync(file, ['-p', 'process.versions.node.split(".")[0]']);
      const major = asked.stdout?.toString().trim();
      return asked.status === 0 && Number(major) >= 20 && major !== own;
    });
}
