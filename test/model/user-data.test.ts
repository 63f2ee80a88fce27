import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { userData } from '../../src/model/user-data.ts';
import { ACTIONS_RUNNER_VERSION } from '../../src/sandbox/actions-runner.ts';
import {
  aJob,
  BUNDLE,
  createStage,
  type Plan,
  type Stage,
  sha256,
  TOKEN,
} from '../daemon/stage.ts';

const facts = {
  url: 'https://ci.example.com/',
  launch: 'launch-1',
  token: 'abc+/=DEF',
  daemonSha256: 'ab'.repeat(32),
  actionsRunner: {
    url: 'https://github.com/actions/runner/releases/download/v2.336.0/x.tar.gz',
    sha256: 'cd'.repeat(32),
    version: '2.336.0',
  },
};

describe('the user data', () => {
  test('begins with one plain assignment a line', () => {
    const [first, ...lines] = userData(facts).split('\n');
    expect(first).toBe('#!/bin/bash');
    const names = lines.slice(0, 6).map((line) => {
      expect(line).toMatch(/^(export )?[A-Z0-9_]+=[A-Za-z0-9._:/+=-]+$/);
      return /^export (\w+)=/.exec(line)?.[1];
    });
    expect(names).toEqual([
      'DSTACK_URL',
      'DSTACK_LAUNCH',
      'DSTACK_TOKEN',
      'DSTACK_RUNNER_SHA256',
      'DSTACK_ACTIONS_URL',
      'DSTACK_ACTIONS_SHA256',
    ]);
    expect(lines[0]).toBe('export DSTACK_URL=https://ci.example.com');
  });

  test('is short, and bash can read it', () => {
    expect(Buffer.byteLength(userData(facts))).toBeLessThan(6_144);
    const read = spawnSync('bash', ['-n'], { input: userData(facts) });
    expect({ status: read.status, stderr: read.stderr.toString() }).toEqual({
      status: 0,
      stderr: '',
    });
  });

  test.each(['$(id)', 'a b', "a'b", 'a\nb', ''])('refuses the value %j', (token) => {
    expect(() => userData({ ...facts, token })).toThrow('DSTACK_TOKEN');
  });
});

// The whole script, as cloud-init runs it, in a throw-away home: what would change this computer is
// a stub in PATH.
describe('the script', () => {
  let stage: Stage | undefined;
  afterEach(() => stage?.close());

  const STUBS: Readonly<Record<string, string>> = {
    useradd: 'echo "useradd $*"',
    usermod: 'echo "usermod $*"',
    shutdown: 'echo "shutdown $*"; exit 1',
    ldconfig: 'echo libicuuc.so.74',
    dnf: 'echo "dnf $*"',
  };

  function stubs(home: string): string {
    const bin = join(home, 'bin');
    mkdirSync(bin);
    for (const [name, text] of Object.entries(STUBS)) {
      writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    }
    return bin;
  }

  /**
   * A folder with what the script needs of a machine, Node left out: it may live in the same folder
   * as the rest.
   */
  function toolsWithoutNode(home: string): string {
    const bin = join(home, 'tools');
    mkdirSync(bin);
    const tools =
      'bash sh curl tar gzip sha256sum id mkdir rm setsid sleep sort tail cat dirname chown test';
    for (const tool of tools.split(' ')) {
      const found = spawnSync('sh', ['-c', `command -v ${tool}`])
        .stdout.toString()
        .trim();
      // A shell's own word has no file.
      symlinkSync(existsSync(found) ? found : `/usr/bin/${tool}`, join(bin, tool));
    }
    return bin;
  }

  async function boot(plan: Plan, daemonSha256: string, path: (home: string) => string) {
    stage = await createStage(plan);
    const { url, home, archive } = stage;
    const script = join(home, 'user-data');
    const actionsRunner = {
      url: `${url}/actions-runner.tar.gz`,
      sha256: sha256(archive),
      version: ACTIONS_RUNNER_VERSION,
    };
    writeFileSync(
      script,
      userData({ url, launch: 'launch-1', token: TOKEN, daemonSha256, actionsRunner }),
    );
    const PATH = path(home);
    const { DSTACK_URL, DSTACK_LAUNCH, DSTACK_TOKEN, ...machine } = stage.variables();
    const env = { ...machine, PATH, DSTACK_HOME: join(home, 'dstack') };
    const ended = await stage.run(['/bin/bash', script], env);
    return { stage, ...ended };
  }

  const daemonSha256 = sha256(readFileSync(BUNDLE));

  test('starts the daemon, which runs a job and powers off', async () => {
    const path = (home: string) => `${stubs(home)}:${process.env['PATH']}`;
    const { stage, code } = await boot({ jobs: [aJob()] }, daemonSha256, path);
    expect(stage.kinds()).toEqual(['online', 'job-started', 'job-finished', 'ending']);
    expect({ code, offs: stage.offs() }).toEqual({ code: 0, offs: 1 });
  });

  test("uses the Actions runner's own Node where the image has none", async () => {
    const path = (home: string) => `${stubs(home)}:${toolsWithoutNode(home)}`;
    const { stage, output } = await boot({ jobs: [aJob()] }, daemonSha256, path);
    expect(output).toContain('Actions runner is here');
    expect(stage.event('job-finished')).toMatchObject({ result: 'succeeded' });
    expect(stage.offs()).toBe(1);
  });

  test('powers off without a start when the daemon is not the one it was told of', async () => {
    const path = (home: string) => `${stubs(home)}:${process.env['PATH']}`;
    const { stage, output } = await boot({}, 'ab'.repeat(32), path);
    expect(output).toContain('the start of the daemon failed');
    expect({ offs: stage.offs(), calls: stage.registers.length }).toEqual({ offs: 1, calls: 0 });
  });
});
