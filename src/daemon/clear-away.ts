import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand, type User } from './command.ts';

/** The job's work and the runner's configuration, which a further job gets anew. */
const LEFT = ['_work', '.runner', '.credentials', '.credentials_rsaparams'];
const TIMEOUT_MS = 60_000;
/** Containers are children of Docker, not of the job. */
const END_CONTAINERS = `
command -v docker > /dev/null || exit 0
left="$(docker ps --all --quiet)" || exit 0
[ -z "$left" ] || docker rm --force $left
`;

/**
 * Between two jobs of one run: no process, no container and no file of the first is left for the second.
 * False: something is, and the machine is good for no further job.
 */
export async function clearAway(of: {
  readonly folder: string;
  readonly user: User | undefined;
}): Promise<boolean> {
  const { folder, user } = of;
  // Without a user of its own for jobs this may be anybody's computer.
  if (user && !(await endAll(user))) return false;
  try {
    for (const name of LEFT) await rm(join(folder, name), { recursive: true, force: true });
    return true;
  } catch {
    return false;
  }
}

async function endAll(user: User): Promise<boolean> {
  await runCommand(['pkill', '-KILL', '-u', user.name], TIMEOUT_MS);
  const isAnyLeft = (await runCommand(['pgrep', '-u', user.name], TIMEOUT_MS)).ok;
  const ended = await runCommand(['sh', '-c', END_CONTAINERS], TIMEOUT_MS);
  return ended.ok && !isAnyLeft;
}
