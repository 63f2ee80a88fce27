import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { runCommand } from './command.ts';

const POWER_OFF_TIMEOUT_MS = 60_000;
const FIRST_RETRY_MS = 2_000;
const RETRY_MS = 30_000;

/**
 * The guard outside of our process. It powers off when the time is up, and also when the daemon is
 * gone and no Actions runner lives that could still finish its job. $1 seconds, $2 the daemon, $3
 * the file with the Actions runner's process group, $4 the command.
 */
const GUARD = `
left=$1
while [ "$left" -gt 0 ]; do
  if ! kill -0 "$2" 2>/dev/null; then
    group=$(cat "$3" 2>/dev/null) && kill -0 -- "-$group" 2>/dev/null || break
  fi
  sleep 2
  left=$((left - 2))
done
for try in 1 2 3; do sh -c "$4" && exit 0; sleep 30; done
`;

export interface Power {
  /** From now on the machine lives this long at most; replaces what was armed before. */
  arm(lifeMs: number): void;
  /** Powers off, however often that takes. */
  off(): Promise<void>;
}

/** Where the guard finds the process group of the Actions runner. */
export const groupFile = (home: string) => join(home, 'actions-runner.pid');

export function createPower(deps: {
  readonly clock: Clock;
  readonly log: Log;
  readonly command: string;
  readonly home: string;
  /** PATH, of all our environment: what else is in it is no business of the guard's. */
  readonly searchPath: string | undefined;
}): Power {
  const { clock, log } = deps;
  let guard: ChildProcess | undefined;

  function arm(lifeMs: number): void {
    const seconds = String(Math.ceil(lifeMs / 1000));
    const args = [seconds, String(process.pid), groupFile(deps.home), deps.command];
    const older = guard;
    guard = spawn('sh', ['-c', GUARD, 'dstack-guard', ...args], {
      detached: true,
      stdio: 'ignore',
      env: { PATH: deps.searchPath },
    });
    guard.on('error', (error) => log.error({ error: error.message }, 'no guard outside'));
    guard.unref();
    // Only when the new one stands: at no moment is there none.
    endGroup(older, 'SIGKILL');
  }

  async function off(): Promise<void> {
    for (let tries = 0; ; tries++) {
      const done = await runCommand(['sh', '-c', deps.command], POWER_OFF_TIMEOUT_MS);
      if (done.ok) break;
      log.error({ output: done.output }, 'power-off failed, trying again');
      await clock.sleep(tries === 0 ? FIRST_RETRY_MS : RETRY_MS);
    }
    // The system has taken the order; a guard left behind would only repeat it.
    endGroup(guard, 'SIGKILL');
  }

  return { arm, off };
}

/** Signals a process that leads its own group, and all that it started. */
export function endGroup(child: ChildProcess | undefined, signal: NodeJS.Signals): void {
  if (child?.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // Gone already, which is what was wanted.
  }
}
