// The composition root of dstack-runner: reads the environment, makes the real clock, log and
// network, and sees to it that the machine is powered off, however its life ends.
import { mkdirSync } from 'node:fs';
import { systemClock } from '../lib/clock.ts';
import { systemRandom } from '../lib/random.ts';
import { type Environment, parseEnvironment } from './environment.ts';
import { causeOf, fetchHttp } from './http.ts';
import { createImds } from './imds.ts';
import { live, REGISTER_WITHIN_MS } from './life.ts';
import { createLog, type DaemonLog } from './log.ts';
import { createPower, type Power } from './power.ts';

/** Filled in by the bundler from package.json. */
declare const DSTACK_VERSION: string;
const VERSION = typeof DSTACK_VERSION === 'string' ? DSTACK_VERSION : 'source';

const HELP = `dstack-runner ${VERSION}: runs a GitHub Actions job on this machine, then powers it off.

  dstack-runner start      started by the user data of a machine that dstack launched
  dstack-runner --help     this text
  dstack-runner --version  the version

Environment of "start":
  DSTACK_URL       where the app is
  DSTACK_LAUNCH    the launch that this machine belongs to
  DSTACK_TOKEN     good once, to register this machine
  DSTACK_HOME      folder for the Actions runner [/opt/dstack]
  DSTACK_POWEROFF  shell command that powers off [the system's own]
  DSTACK_RUNNER_USER  who runs the job when started as root; empty: root [runner]
  AWS_EC2_METADATA_SERVICE_ENDPOINT  the metadata service [http://169.254.169.254]
  HTTPS_PROXY, NO_PROXY  need NODE_USE_ENV_PROXY=1 and Node 24, or 22.21 and later
`;

/** As sysexits.h has it: something is wrong with the configuration. */
const EXIT_CONFIG = 78;

async function main(argv: readonly string[]): Promise<number> {
  const [command] = argv;
  if (command === '--help' || command === '-h') return print(HELP, 0);
  if (command === '--version') return print(`${VERSION}\n`, 0);
  if (command === 'start') return start();
  process.stderr.write('usage: dstack-runner start | --help | --version\n');
  return 64;
}

function print(text: string, code: number): number {
  process.stdout.write(text);
  return code;
}

async function start(): Promise<number> {
  const log = createLog({
    clock: systemClock,
    write: (line) => process.stdout.write(`${line}\n`),
  });
  // A console that went away is no reason to give up the machine's job.
  process.stdout.on('error', () => {});
  const parsed = parseEnvironment(process.env);
  if (!parsed.ok && !parsed.isMachine) {
    process.stderr.write(`${parsed.problem}\n`);
    return EXIT_CONFIG;
  }
  const { home, powerOff } = parsed.ok ? parsed.environment : parsed;
  const searchPath = process.env['PATH'];
  const power = createPower({ clock: systemClock, log, command: powerOff, home, searchPath });
  if (!parsed.ok) {
    log.error({ problem: parsed.problem }, 'this machine cannot work');
    await power.off();
    return EXIT_CONFIG;
  }
  power.arm(REGISTER_WITHIN_MS);
  const isServed = await run(parsed.environment, log, power);
  await power.off();
  return isServed ? 0 : 1;
}

/** A bug of ours must not keep the machine either: it is logged, and the life is over. */
async function run(environment: Environment, log: DaemonLog, power: Power): Promise<boolean> {
  log.hide(environment.token);
  const base = { clock: systemClock, random: systemRandom, http: fetchHttp, log, power };
  const imds = createImds(base, environment.metadataEndpoint);
  const broken = new Promise<never>((_resolve, reject) => {
    process.on('uncaughtException', reject);
    process.on('unhandledRejection', reject);
  });
  try {
    mkdirSync(environment.home, { recursive: true });
    const life = live({ ...base, imds, environment, variables: process.env });
    const served = await Promise.race([life, broken]);
    log.info({ reason: served.reason }, 'powering off');
    return served.hasRunJob;
  } catch (error) {
    log.error({ error: causeOf(error) }, 'the daemon broke, powering off');
    return false;
  }
}

process.exit(await main(process.argv.slice(2)));
