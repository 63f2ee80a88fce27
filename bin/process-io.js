// What the command line touches of this process: src/cli/io.ts says what each thing is for.
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

const ENV_FILE = '.env';
const ASK_TIMEOUT_MS = 5_000;
const SECRET_MODE = 0o600;

export function processIo(clock, source) {
  const { stdin, stdout, stderr } = process;
  return {
    stdin,
    stdout,
    stderr,
    // Whoever types sees an echo, wherever the output goes.
    isTty: Boolean(stdin.isTTY),
    isSeen: { stdout: Boolean(stdout.isTTY), stderr: Boolean(stderr.isTTY) },
    env: { ...addresses(), ...process.env },
    clock,
    files: { read, write, list },
    request,
    git,
    gitRemote: () => git('remote', 'get-url', 'origin'),
    ghToken: (host) => output('gh', ['auth', 'token', '--hostname', host]),
    policy: policyFrom(source),
  };
}

/** HTTPS_PROXY and NO_PROXY are looked at before the first call, and only then: it takes a while. */
async function request(...args) {
  const { setGlobalProxyFromEnv } = await import('node:http');
  setGlobalProxyFromEnv?.();
  return fetch(...args);
}

/**
 * Where the app runs here, its file says at which address. Nothing but an address of this machine is
 * taken from it: the file may have come with a clone, and tokens are sent there.
 */
function addresses() {
  const text = read(ENV_FILE);
  if (text === undefined) return {};
  const of = (name) => new RegExp(`^${name}=["']?([^"'\\s]*)`, 'm').exec(text)?.[1];
  const [url, port] = [of('PUBLIC_URL') ?? '', of('PORT') ?? ''];
  return {
    ...(/^http:\/\/(?:localhost|127\.0\.0\.1)(?::\d+)?\/?$/.test(url) && { PUBLIC_URL: url }),
    ...(/^\d{1,5}$/.test(port) && { PORT: port }),
  };
}

function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Written beside and moved over, so that a full disk leaves the old file whole. */
function write(path, text, { isSecret = false } = {}) {
  mkdirSync(dirname(path), { recursive: true, ...(isSecret && { mode: 0o700 }) });
  writeFileSync(`${path}.new`, text, isSecret ? { mode: SECRET_MODE } : {});
  renameSync(`${path}.new`, path);
}

function list(path) {
  try {
    return readdirSync(path).sort();
  } catch {
    return [];
  }
}

const git = (...words) => output('git', words);

/** What a program says, or undefined where it is not there or refuses. */
function output(program, args) {
  return new Promise((resolve) => {
    execFile(program, args, { timeout: ASK_TIMEOUT_MS }, (error, text) =>
      resolve(error ? undefined : text.trim() || undefined),
    );
  });
}

const policyFrom = (source) => async (ask) => {
  const { policyFor } = await source('ec2/policy');
  return JSON.stringify(policyFor(ask), null, 2);
};
