// What the command line touches of this process: src/cli/io.ts says what each thing is for.
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { setGlobalProxyFromEnv } from 'node:http';
import { parseEnv } from 'node:util';

const ENV_FILE = '.env';
const GIT_TIMEOUT_MS = 5_000;

export function processIo() {
  setGlobalProxyFromEnv?.();
  const { stdin, stdout, stderr } = process;
  return {
    stdin,
    stdout,
    stderr,
    // Whoever types sees an echo, wherever the output goes.
    isTty: Boolean(stdin.isTTY),
    env: { ...addresses(), ...process.env },
    request: fetch,
    gitRemote,
    policy,
  };
}

/** The app's own file, where it runs here, says where it is; its secrets are no business of ours. */
function addresses() {
  const file = existsSync(ENV_FILE) ? parseEnv(readFileSync(ENV_FILE, 'utf8')) : {};
  const named = ['PUBLIC_URL', 'PORT', 'GHE_HOST', 'GHE_PROTOCOL'];
  return Object.fromEntries(named.filter((name) => file[name]).map((name) => [name, file[name]]));
}

function gitRemote() {
  return new Promise((resolve) => {
    const how = { timeout: GIT_TIMEOUT_MS };
    execFile('git', ['remote', 'get-url', 'origin'], how, (error, text) =>
      resolve(error ? undefined : text.trim()),
    );
  });
}

async function policy(ask) {
  const { policyFor } = await import('../src/ec2/policy.ts');
  return JSON.stringify(policyFor(ask), null, 2);
}
