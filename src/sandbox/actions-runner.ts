import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

/** The version that the stand-in says it is. */
export const ACTIONS_RUNNER_VERSION = '2.336.0';

const RUN = `#!/bin/sh
# A stand-in for GitHub's Actions runner: the same entry point, the same words, the same exit codes.
here="$(cd "$(dirname "$0")" && pwd)"
node="$(command -v node || echo "$here/externals/node24/bin/node")"
exec "$node" "$here/bin/listener.mjs" "$@"
`;
const VERSION = `#!/bin/sh
[ "$1" = --version ] && echo ${ACTIONS_RUNNER_VERSION}
exit 0
`;

/**
 * The real archive brings a Node of its own; this one calls the Node it was made with, which spares
 * 100 MB.
 */
const NODE = `#!/bin/sh
exec '${process.execPath}' "$@"
`;

/**
 * The archive of a stand-in for GitHub's Actions runner. Its listener speaks to a server that plays
 * GitHub's service:
 *
 *   POST <base>/connect {jit} → 200 {name}; 404 when it is used or deleted
 *   POST <base>/poll {secret} → 200 {job?}, after some seconds at most; 404 when deleted
 *   POST <base>/beat {secret} → 200, every second while a job runs
 *   POST <base>/finish {secret, conclusion} → 200; conclusion success | failure | cancelled
 *
 * A job is {name, key, run, attempt, repository, event, ms, conclusion}: it "runs" for that many
 * milliseconds.
 */
export function actionsRunnerArchive(): Buffer {
  const listener = readFileSync(new URL('./actions-runner-listener.mjs', import.meta.url), 'utf8');
  return tarGz([
    { name: 'run.sh', mode: 0o755, text: RUN },
    { name: 'bin/Runner.Listener', mode: 0o755, text: VERSION },
    { name: 'externals/node24/bin/node', mode: 0o755, text: NODE },
    { name: 'bin/listener.mjs', mode: 0o644, text: listener },
  ]);
}

/**
 * A just-in-time configuration in GitHub's shape: base64 of a map from file name to base64 of the
 * file.
 */
export function encodeJitConfig(of: {
  readonly base: string;
  readonly secret: string;
  readonly name: string;
}): string {
  const file = (value: object) => base64(JSON.stringify(value));
  return base64(
    JSON.stringify({
      '.runner': file({ AgentName: of.name, Ephemeral: true, ServerUrl: of.base }),
      '.credentials': file({ scheme: 'OAuth', data: { clientId: of.secret } }),
      '.credentials_rsaparams': file({}),
    }),
  );
}

const base64 = (text: string) => Buffer.from(text).toString('base64');

interface TarFile {
  readonly name: string;
  readonly mode: number;
  readonly text: string;
}

const BLOCK = 512;

/** The same files give the same bytes: times and owners are zero. */
function tarGz(files: readonly TarFile[]): Buffer {
  return gzipSync(Buffer.concat([...files.flatMap(tarEntry), Buffer.alloc(2 * BLOCK)]));
}

/** The ustar header: https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html */
function tarEntry({ name, mode, text }: TarFile): Buffer[] {
  const data = Buffer.from(text);
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, '0');
  header.write(`./${name}`, 0);
  header.write(octal(mode, 7), 100);
  header.write(octal(0, 7), 108);
  header.write(octal(0, 7), 116);
  header.write(octal(data.length, 11), 124);
  header.write(octal(0, 11), 136);
  // The checksum is counted with its own field as blanks.
  header.write(' '.repeat(8), 148);
  header.write('0', 156);
  header.write('ustar\u000000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${octal(sum, 6)}\u0000 `, 148);
  return [header, data, Buffer.alloc((BLOCK - (data.length % BLOCK)) % BLOCK)];
}
