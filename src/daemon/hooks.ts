import { constants } from 'node:fs';
import { mkdir, open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Which job began, by the environment that the runner gives its hooks. The job's numeric id is not
 * in it.
 */
export interface JobFacts {
  readonly repository: string;
  readonly run: number;
  readonly attempt: number;
  /** The key in the workflow file, the same for all legs of a matrix. */
  readonly job: string;
  readonly event: string;
}

export interface Hooks {
  readonly started: string;
  readonly completed: string;
  readonly spool: string;
}

/** A job can write to the spool as well as its hook: no more than this is read. */
const SPOOL_LIMIT_BYTES = 4_096;

/**
 * The runner calls these before and after a job. They write one line each and fail no job but a
 * denied fork's. They lie outside the runner's folder, so that no update of it removes them: a job
 * whose hook is missing fails.
 */
export async function writeHooks(home: string, forks: 'deny' | 'allow'): Promise<Hooks> {
  const folder = join(home, 'hooks');
  const hooks = {
    started: join(folder, 'job-started.sh'),
    completed: join(folder, 'job-completed.sh'),
    spool: join(folder, 'spool'),
  };
  await mkdir(folder, { recursive: true });
  const started = tell('started', hooks.spool) + (forks === 'deny' ? denyForks() : '');
  await writeFile(hooks.started, started, { mode: 0o755 });
  await writeFile(hooks.completed, tell('completed', hooks.spool), { mode: 0o755 });
  await emptySpool(hooks);
  return hooks;
}

/** Made anew: the last job may have put a pipe there, or a link to another file. */
export async function emptySpool({ spool }: Hooks): Promise<void> {
  await rm(spool, { recursive: true, force: true });
  const file = await open(spool, 'wx');
  // The job's user is another than ours; the mode that open takes would be cut by the umask.
  await file.chmod(0o666).finally(() => file.close());
}

const tell = (word: string, spool: string) => `#!/bin/bash
# Written by dstack-runner: tells the daemon that a job has ${word}.
printf '${word}\\t%s\\t%s\\t%s\\t%s\\t%s\\n' "$GITHUB_REPOSITORY" "$GITHUB_RUN_ID" \\
  "$GITHUB_RUN_ATTEMPT" "$GITHUB_JOB" "$GITHUB_EVENT_NAME" >> ${quote(spool)} || true
`;

/** A deleted fork has no repository, and is one all the same. */
const IS_OWN =
  'const text = require("node:fs").readFileSync(process.argv[1], "utf8");' +
  'const { pull_request: pull, repository } = JSON.parse(text);' +
  'process.exit(pull.head.repo?.id === repository.id ? 0 : 1);';

/**
 * The app launches nothing for such a job, but GitHub gives it to any idle runner of the
 * repository. In doubt it is denied.
 */
const denyForks = () => `
case "$GITHUB_EVENT_NAME" in
  pull_request*)
    if ! ${quote(process.execPath)} -e ${quote(IS_OWN)} "$GITHUB_EVENT_PATH" 2> /dev/null; then
      echo 'dstack: this repository gives no machine to pull requests from forks ("forks: deny")'
      exit 1
    fi
    ;;
esac
`;

const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

/** Whatever became of the file, since the job can do as it likes with it, is no reason to break. */
export const readStarted = (hooks: Hooks): Promise<JobFacts | undefined> =>
  readHead(hooks.spool).then(parseStarted, () => undefined);

/** A pipe that nobody writes to would otherwise be waited for, and the daemon with it. */
const READ_NOW = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;

async function readHead(path: string): Promise<string> {
  const file = await open(path, READ_NOW);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(SPOOL_LIMIT_BYTES), 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** The first whole line of a started hook; what the job adds later changes nothing. */
export function parseStarted(text: string): JobFacts | undefined {
  const lines = text.split('\n').slice(0, -1);
  const line = lines.find((one) => one.startsWith('started\t'));
  const [, repository, run, attempt, job, event] = line?.split('\t') ?? [];
  if (!repository || !job || event === undefined) return undefined;
  if (!/^\d{1,15}$/.test(run ?? '') || !/^\d{1,6}$/.test(attempt ?? '')) return undefined;
  return { repository, run: Number(run), attempt: Number(attempt), job, event };
}
