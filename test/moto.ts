import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

// A moto_server of its own for one test file: an AWS that checks the form of calls and keeps what they
// make. `npm test` names one in MOTO_SERVER, and says it where there is none.

export interface Moto {
  readonly url: string;
  stop(): Promise<void>;
}

const OURS = fileURLToPath(new URL('../.venv/bin/moto_server', import.meta.url));

/** undefined: tests that need it are skipped. */
export const motoServer = process.env['MOTO_SERVER'] ?? (existsSync(OURS) ? OURS : undefined);

/** What moto lets pass unless it is told to look. */
const STRICT = {
  MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION: '1',
  MOTO_ENABLE_AMI_VALIDATION: '1',
  MOTO_ENABLE_KEYPAIR_VALIDATION: '1',
};

export function startMoto(): Promise<Moto> {
  if (motoServer === undefined) throw new Error('no moto_server: npm test installs one');
  // Port 0: the system chooses a free one, and moto says which.
  const child = spawn(motoServer, ['-H', '127.0.0.1', '-p', '0'], {
    env: { ...process.env, ...STRICT },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const end = () => void child.kill('SIGKILL');
  process.once('exit', end);
  const stop = (): Promise<void> => {
    process.off('exit', end);
    end();
    return exited;
  };
  return new Promise((resolve, reject) => {
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      // It logs every call later on; only the beginning is of interest.
      if (said.length < 10_000) said += text;
      const url = /Running on (http:\/\/127\.0\.0\.1:\d+)/.exec(said)?.[1];
      if (url !== undefined) resolve({ url, stop });
    });
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`moto_server ended: ${said}`)));
  });
}
