import type { Dirent } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand, type User } from './command.ts';

/** The job's work and the runner's own logs; a further job gets them anew. */
const LEFT = ['_work', '_diag'];
const TIMEOUT_MS = 60_000;
/** Containers are children of Docker, not of the job. */
const END_CONTAINERS = `
command -v docker > /dev/null || exit 0
left="$(docker ps --all --quiet)" || exit 0
[ -z "$left" ] || docker rm --force $left
`;

/** The runner's configuration, and what it takes into its environment when it starts (.env, .path). */
export type HiddenFiles = ReadonlyMap<string, Buffer>;

export async function readHidden(folder: string): Promise<HiddenFiles> {
  const files = (await hiddenIn(folder)).filter((one) => one.isFile());
  const read = files.map(async ({ name }) => [name, await readFile(join(folder, name))] as const);
  return new Map(await Promise.all(read));
}

/**
 * Between two jobs of one run: no process, no container, no work and no configuration of the first is
 * left for the second. What it wrote elsewhere stays, and with sudo that can be anything, the runner's
 * programs too: the jobs of a run have to trust each other. False: the machine is good for no further job.
 */
export async function clearAway(of: {
  readonly folder: string;
  readonly user: User | undefined;
  /** As they were before the first job. */
  readonly hidden: HiddenFiles;
}): Promise<boolean> {
  const { folder, user, hidden } = of;
  // Without a user of its own for jobs this may be anybody's computer.
  if (user && !(await endAll(user))) return false;
  try {
    const found = (await hiddenIn(folder)).map(({ name }) => name);
    for (const name of [...LEFT, ...found]) {
      await rm(join(folder, name), { recursive: true, force: true });
    }
    for (const [name, bytes] of hidden) await writeFile(join(folder, name), bytes);
    return true;
  } catch {
    return false;
  }
}

/** Links and pipes as well; folders are no configuration. */
async function hiddenIn(folder: string): Promise<Dirent[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries.filter((one) => one.name.startsWith('.') && !one.isDirectory());
}

async function endAll(user: User): Promise<boolean> {
  await runCommand(['pkill', '-KILL', '-u', user.name], TIMEOUT_MS);
  const isAnyLeft = (await runCommand(['pgrep', '-u', user.name], TIMEOUT_MS)).ok;
  const ended = await runCommand(['sh', '-c', END_CONTAINERS], TIMEOUT_MS);
  return ended.ok && !isAnyLeft;
}
