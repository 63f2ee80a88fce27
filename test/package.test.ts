import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { systemClock } from '../src/lib/clock.ts';
import { aFolder, aPort } from './processes.ts';

// What is published: packed as npm packs it, installed as people install it, and started.

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const INSTALL_MS = 300_000;
const PATH = [dirname(process.execPath), process.env['PATH']].join(delimiter);
const folder = aFolder();
const prefix = join(folder, 'prefix');
const bin = join(prefix, 'bin', 'dstack');

const npm = (...args: readonly string[]) =>
  spawnSync('npm', args, {
    cwd: ROOT,
    encoding: 'utf8',
    env: { ...process.env, PATH, npm_config_update_notifier: 'false' },
  });

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

let packed: Packed;
beforeAll(() => {
  const { stdout, stderr, status } = npm('pack', '--json', '--pack-destination', folder);
  if (status !== 0) throw new Error(stderr);
  // What the script before it prints comes first.
  [packed] = JSON.parse(stdout.slice(stdout.indexOf('[\n')));
}, INSTALL_MS);

const filesBelow = (place: string): readonly string[] =>
  readdirSync(join(ROOT, place), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length));

test('the package holds the program as JavaScript, its pages, and nothing else', () => {
  const source = filesBelow('src').map((file) =>
    file.replace(/^src\//, 'build/').replace(/\.ts$/, '.js'),
  );
  const others = ['LICENSE', 'README.md', 'CHANGELOG.md', 'app.yml', 'package.json'];
  const all = [
    ...source,
    ...filesBelow('bin'),
    ...filesBelow('docs'),
    'dist/dstack-runner.mjs',
    ...others,
  ];
  expect(packed.files.map(({ path }) => path).sort()).toEqual([...all].sort());
});

describe('npm install -g of the package', () => {
  let isInstalled = false;
  beforeAll(() => {
    const { status, stderr } = npm(
      ...['install', '--global', '--prefix', prefix, '--prefer-offline', '--no-audit', '--no-fund'],
      join(folder, packed.filename),
    );
    isInstalled = status === 0;
    if (isInstalled) return;
    if (process.env['CI']) throw new Error(stderr);
    console.warn(`npm could not install the dependencies, so this was not tried:\n${stderr}`);
  }, INSTALL_MS);

  const run = (...args: readonly string[]) => {
    const env = { PATH, HOME: folder };
    return spawnSync(bin, args, { cwd: folder, env, encoding: 'utf8' });
  };

  test('gives a dstack that helps, and that knows what it is asked', () => {
    if (!isInstalled) return;
    expect(run('--help').stdout).toMatch(/^usage: dstack COMMAND/);
    expect(run('autoscale', 'allow', '--help').stdout).toMatch(/^usage: dstack autoscale allow/);
    const typo = run('autoscale', 'alow');
    expect([typo.status, typo.stderr]).toEqual([2, expect.stringContaining('Nearest: allow')]);
    expect(run('aws', 'policy').stdout).toContain('"ec2:RunInstances"');
    expect(run('doctor').stdout).toMatch(/^ok {4}version +dstack \d/);
  });

  test('gives a dstack serve that serves', async () => {
    if (!isInstalled) return;
    const port = await aPort();
    const env = { PATH, HOME: folder, PORT: String(port), PUBLIC_URL: `http://127.0.0.1:${port}` };
    const child = spawn(bin, ['serve'], { cwd: folder, env });
    const said = text(child.stdout);
    const page = await pageAt(`http://127.0.0.1:${port}/`);
    child.kill('SIGTERM');
    expect(page).toContain('Set up dstack autoscale');
    expect(await said).toContain('listening');
  });

  test('gives a demo that runs jobs to their end', () => {
    if (!isInstalled) return;
    const { status, stdout } = run('demo', '--once', '--jobs', '2');
    expect(status).toBe(0);
    expect(JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({
      jobs: { completed: 2, lost: 0 },
    });
  }, 120_000);

  test('gives a dstack-runner that is the committed one', () => {
    if (!isInstalled) return;
    const runner = join(prefix, 'bin', 'dstack-runner');
    expect(existsSync(runner)).toBe(true);
    expect(readFileSync(runner).equals(readFileSync(join(ROOT, 'dist/dstack-runner.mjs')))).toBe(
      true,
    );
  });
});

async function pageAt(url: string): Promise<string> {
  for (let tries = 0; tries < 200; tries += 1) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer) return answer.text();
    await systemClock.sleep(100);
  }
  throw new Error(`nobody listens at ${url}`);
}
