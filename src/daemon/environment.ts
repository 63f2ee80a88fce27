export interface Environment {
  /** The app's address without a slash at its end. */
  readonly url: string;
  readonly launch: string;
  readonly token: string;
  readonly home: string;
  /** A shell command line. */
  readonly powerOff: string;
  readonly metadataEndpoint: string;
  /** Who runs jobs when we are root; '' for whoever we are. */
  readonly runnerUser: string;
}

export const DEFAULTS = {
  home: '/opt/dstack',
  // The second is for an image whose init system does not answer any more.
  powerOff: 'shutdown -P now || systemctl poweroff --force --force',
  metadataEndpoint: 'http://169.254.169.254',
  runnerUser: 'runner',
};

/**
 * What the daemon is asked to do even when it cannot do it: `isMachine` says whether to power off.
 */
export type Parsed =
  | { readonly ok: true; readonly environment: Environment }
  | {
      readonly ok: false;
      readonly problem: string;
      readonly isMachine: boolean;
      readonly home: string;
      readonly powerOff: string;
    };

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * A machine that was launched for this, and lacks the rest, is good for nothing and has to go.
 * Without DSTACK_LAUNCH somebody tried the command at home, and their computer stays on.
 */
export function parseEnvironment(env: Variables): Parsed {
  const home = env['DSTACK_HOME'] || DEFAULTS.home;
  const powerOff = env['DSTACK_POWEROFF'] || DEFAULTS.powerOff;
  const launch = env['DSTACK_LAUNCH'] ?? '';
  const token = env['DSTACK_TOKEN'] ?? '';
  const url = parseUrl(env['DSTACK_URL'] ?? '');
  const problem = !launch
    ? 'DSTACK_LAUNCH is not set: the user data of a machine that dstack launched sets it'
    : !token
      ? 'DSTACK_TOKEN is not set'
      : !url
        ? 'DSTACK_URL is not set to an http(s) address'
        : undefined;
  if (problem || !url) {
    return { ok: false, problem: problem ?? '', isMachine: launch !== '', home, powerOff };
  }
  const metadataEndpoint = env['AWS_EC2_METADATA_SERVICE_ENDPOINT'] || DEFAULTS.metadataEndpoint;
  const runnerUser = env['DSTACK_RUNNER_USER'] ?? DEFAULTS.runnerUser;
  const environment = { url, launch, token, home, powerOff, metadataEndpoint, runnerUser };
  return { ok: true, environment };
}

function parseUrl(text: string): string | undefined {
  if (!URL.canParse(text) || !/^https?:\/\//.test(text)) return undefined;
  return text.replace(/\/+$/, '');
}

/** Names that are the daemon's alone: no job sees them. */
const OURS = /^(DSTACK_|AWS_EC2_METADATA_|NODE_USE_ENV_PROXY$|ACTIONS_RUNNER_INPUT_)/;

export interface JobSide {
  readonly jitConfig: string;
  readonly startedHook: string;
  readonly completedHook: string;
  readonly user: { readonly name: string; readonly home: string } | undefined;
}

/** What the Actions runner, and with it the job, sees of our environment. */
export function jobEnvironment(env: Variables, job: JobSide): Record<string, string> {
  const own = Object.entries(env).filter(([name]) => !OURS.test(name));
  const shared = Object.fromEntries(own.flatMap(([name, value]) => (value ? [[name, value]] : [])));
  return {
    LANG: 'C.UTF-8',
    ...shared,
    ...(job.user && { HOME: job.user.home, USER: job.user.name, LOGNAME: job.user.name }),
    // Not on the command line, which every process of the machine can read; the runner removes it
    // from its environment.
    ACTIONS_RUNNER_INPUT_JITCONFIG: job.jitConfig,
    ACTIONS_RUNNER_HOOK_JOB_STARTED: job.startedHook,
    ACTIONS_RUNNER_HOOK_JOB_COMPLETED: job.completedHook,
  };
}
