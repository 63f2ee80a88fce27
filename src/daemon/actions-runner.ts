import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Random } from '../lib/random.ts';
import { asUser, runCommand, type User } from './command.ts';
import { backoffMs, causeOf } from './http.ts';
import type { ActionsRunnerRelease } from './register.ts';

export type Provided =
  | { readonly ok: true; readonly folder: string }
  | { readonly ok: false; readonly reason: string };

interface Deps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly home: string;
  readonly user: User | undefined;
}

/** Where images keep the Actions runner. */
const IN_IMAGE = '/opt/actions-runner';
/**
 * Left beside an unpacked archive: the SHA-256 of what was unpacked; the user data script writes it
 * too.
 */
const MARK = '.dstack-sha256';
const DOWNLOAD_TRIES = 4;
const DOWNLOAD_TIMEOUT_MS = 300_000;
const UNPACK_TIMEOUT_MS = 300_000;

/**
 * The folder of GitHub's Actions runner: the image's where it has this version, else fetched and
 * checked.
 */
export async function provideActionsRunner(
  deps: Deps,
  release: ActionsRunnerRelease,
): Promise<Provided> {
  const folder = join(deps.home, 'actions-runner');
  for (const candidate of [folder, IN_IMAGE]) {
    if (!(await holds(candidate, release))) continue;
    deps.log.info({ folder: candidate, version: release.version }, 'Actions runner is here');
    return giveTo(deps.user, candidate);
  }
  const archive = join(deps.home, 'actions-runner.tar.gz');
  const fault = await fetchArchive(deps, release, archive);
  if (fault) return { ok: false, reason: `Actions runner not fetched: ${fault}` };
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const unpacked = await runCommand(['tar', '-xzf', archive, '-C', folder], UNPACK_TIMEOUT_MS);
  if (!unpacked.ok) return { ok: false, reason: `Actions runner not unpacked: ${unpacked.output}` };
  await rm(archive, { force: true });
  await writeFile(join(folder, MARK), release.sha256);
  deps.log.info({ folder, version: release.version }, 'Actions runner unpacked');
  return giveTo(deps.user, folder);
}

async function holds(folder: string, release: ActionsRunnerRelease): Promise<boolean> {
  const mark = await readFile(join(folder, MARK), 'utf8').catch(() => undefined);
  if (mark !== undefined) return mark.trim() === release.sha256;
  const asked = await runCommand([join(folder, 'bin/Runner.Listener'), '--version'], 30_000);
  return asked.ok && asked.output === release.version;
}

/** The runner writes its configuration and the job's work beside itself. */
async function giveTo(user: User | undefined, folder: string): Promise<Provided> {
  if (!user) return { ok: true, folder };
  const given = await runCommand(['chown', '-R', `${user.name}:${user.gid}`, folder], 60_000);
  const test = await runCommand(asUser(user, ['test', '-w', folder]), 10_000);
  return given.ok && test.ok
    ? { ok: true, folder }
    : {
        ok: false,
        reason: `${user.name} cannot write to ${folder}: ${given.output}${test.output}`,
      };
}

async function fetchArchive(
  deps: Deps,
  release: ActionsRunnerRelease,
  file: string,
): Promise<string | undefined> {
  for (let attempt = 0; ; attempt++) {
    const fault = await download(release, file);
    if (!fault || attempt + 1 === DOWNLOAD_TRIES) return fault;
    deps.log.warn({ fault }, 'Actions runner not fetched, trying again');
    await deps.clock.sleep(backoffMs(attempt, deps.random));
  }
}

/** Writes the archive to the file and sums it up on the way; says what is wrong with it. */
async function download(release: ActionsRunnerRelease, file: string): Promise<string | undefined> {
  try {
    const answer = await fetch(release.url, { signal: AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS) });
    if (!answer.ok || !answer.body) return `${release.url} answered ${answer.status}`;
    const hash = createHash('sha256');
    const sum = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        done(null, chunk);
      },
    });
    await pipeline(Readable.fromWeb(answer.body), sum, createWriteStream(file));
    const sha256 = hash.digest('hex');
    return sha256 === release.sha256
      ? undefined
      : `its SHA-256 is ${sha256}, not ${release.sha256}`;
  } catch (error) {
    return causeOf(error);
  }
}

/**
 * Shown by the runner in the job's first step:
 * https://github.com/actions/runner/blob/main/docs/adrs/0354-runner-machine-info.md
 */
export async function writeSetupInfo(folder: string, detail: string | undefined): Promise<void> {
  if (detail === undefined) return;
  await writeFile(join(folder, '.setup_info'), JSON.stringify([{ group: 'dstack', detail }]));
}
