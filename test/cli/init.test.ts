import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parseRules } from '../../src/rules/parse.ts';
import { createHome, type Home } from './process.ts';

const RULES = '.github/dstack.yml';
const WORKFLOW = '.github/workflows/dstack.yml';
let home: Home;
beforeEach(() => {
  home = createHome();
});
afterEach(() => home.remove());

const git = (...words: readonly string[]) => execFileSync('git', words, { cwd: home.folder });
const textOf = (path: string) => readFileSync(join(home.folder, path), 'utf8');

describe('dstack init', () => {
  test('shows what it would write, and writes nothing without a yes', async () => {
    git('init', '-q');
    home.write('package-lock.json', '{}');
    home.write('.github/workflows/ci.yml', 'jobs:\n  a:\n    runs-on: ubuntu-latest\n');
    const shown = await home.run(['init']);
    expect([shown.code, shown.stderr]).toEqual([
      1,
      'error: nothing was written\n  try: dstack init --yes\n',
    ]);
    expect(shown.stdout).toContain('instance-type: m5.large');
    expect(existsSync(join(home.folder, RULES))).toBe(false);
    const written = await home.run(['init', '--yes']);
    expect(written.stdout).toContain('Wrote 2 files for a Node project.');
    expect(written.stdout).toContain('ci.yml (ubuntu-latest)');
    expect(textOf(WORKFLOW)).toContain('npm ci');
    const again = await home.run(['init']);
    expect([again.code, again.stdout]).toEqual([0, expect.stringMatching(/are in .* already/)]);
  });

  test('writes to the top of the repository, from wherever in it', async () => {
    git('init', '-q');
    home.write('go.mod', '');
    home.write('sub/README.md', '');
    expect(await home.runIn('sub', ['init', '--yes'])).toMatchObject({ code: 0 });
    expect(textOf(WORKFLOW)).toContain('go test');
    expect(existsSync(join(home.folder, 'sub/.github'))).toBe(false);
  });

  test('writes nothing outside a git repository', async () => {
    const { code, stdout, stderr } = await home.run(['init', '--yes']);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^error: git knows no repository here.*\n {2}try: git init/);
    expect(existsSync(join(home.folder, '.github'))).toBe(false);
  });

  test.each<[string, string, () => void]>([
    [
      'the one that the remote says',
      'trunk',
      () => {
        const head = 'refs/remotes/origin/HEAD';
        git('symbolic-ref', head, 'refs/remotes/origin/trunk');
      },
    ],
    ['the one that is checked out', 'master', () => {}],
    [
      'with a name that YAML reads otherwise',
      '"1.0"',
      () => {
        git('symbolic-ref', 'HEAD', 'refs/heads/1.0');
      },
    ],
  ])('runs the sample on the default branch: %s', async (_, branch, prepare) => {
    git('init', '-q', '-b', 'master');
    prepare();
    await home.run(['init', '--yes']);
    expect(textOf(WORKFLOW)).toContain(`branches: [${branch}]\n`);
  });

  test("leaves the region to the account, whatever this machine's is", async () => {
    git('init', '-q');
    await home.run(['init', '--yes'], { AWS_REGION: 'us-west-2' });
    expect(textOf(RULES)).toContain('# Machines start in the region of the AWS account');
    const parsed = parseRules(textOf(RULES), { defaultRegion: 'eu-west-1' });
    expect(parsed.ok && parsed.rules.rules.map(({ region }) => region)).toEqual(['eu-west-1']);
  });
});
