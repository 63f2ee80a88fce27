// Finds a moto_server (an AWS to test against) or installs the pinned one into .venv. Called by the
// commands that play against it: `npm test` and `npm run crash`.
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const VENV = join(ROOT, '.venv');
const VENV_MOTO = join(VENV, 'bin', 'moto_server');
const START_TIMEOUT_MS = 60_000;
const INSTALL_TIMEOUT_MS = 300_000;

/** The path of a moto_server of version 5 that starts, or undefined; why not is said on stderr. */
export const motoServer = async () => (await findMoto()) ?? (await installMoto());

/** The first moto_server that starts: MOTO_SERVER, our own, the PATH. */
async function findMoto() {
  const onPath = (process.env.PATH ?? '').split(delimiter).map((dir) => join(dir, 'moto_server'));
  const named = process.env.MOTO_SERVER;
  for (const server of [...(named ? [named] : []), VENV_MOTO, ...onPath]) {
    if (!isExecutable(server)) continue;
    if (await starts(server)) return server;
    say(`${server} is no moto of version 5 that starts`);
  }
  return undefined;
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Starts it on a free port and asks for what version 5 brought. A shim on the PATH may be empty. */
async function starts(server) {
  const child = spawn(server, ['-H', '127.0.0.1', '-p', '0'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: START_TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  child.once('error', () => {});
  try {
    let said = '';
    for await (const text of child.stderr.setEncoding('utf8')) {
      said += text;
      const url = /Running on (http:\/\/127\.0\.0\.1:\d+)/.exec(said)?.[1];
      if (url) return (await fetch(`${url}/moto-api/config`)).ok;
    }
    return false;
  } catch {
    return false;
  } finally {
    child.kill('SIGKILL');
  }
}

/** Into .venv, once; every package by its hash. */
async function installMoto() {
  say('installing moto into .venv, once …');
  const why =
    run('python3', ['-m', 'venv', '--clear', VENV]) ??
    run(join(VENV, 'bin', 'python'), [
      ...['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--retries', '1'],
      ...['--only-binary', ':all:', '--require-hashes', '-r', join(ROOT, 'requirements-test.txt')],
    ]);
  if (why === undefined && (await starts(VENV_MOTO))) return VENV_MOTO;
  // Half of it would be found, and tried, by every later run.
  rmSync(VENV, { recursive: true, force: true });
  say(`moto cannot be installed here: ${why ?? 'it does not start'}`);
  return undefined;
}

/** undefined, or why it failed. */
function run(command, args) {
  const { status, error, stderr } = spawnSync(command, args, {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: INSTALL_TIMEOUT_MS,
  });
  if (status === 0) return undefined;
  const lines = (stderr ?? '').trim().split('\n');
  return error?.message ?? lines.at(-1) ?? `${command} ended with ${status}`;
}

function say(line) {
  process.stderr.write(`${line}\n`);
}
