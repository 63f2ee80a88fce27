import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type CliWorld, ID, SECRET, startCliWorld } from './world.ts';

let world: CliWorld;
beforeEach(async () => {
  world = await startCliWorld();
});
afterEach(() => world.close());

const KEPT = { accessKeyId: ID, secretAccessKey: SECRET, region: 'eu-west-1', bucket: null };
const AWS_ENV = { AWS_ACCESS_KEY_ID: ID, AWS_SECRET_ACCESS_KEY: SECRET, AWS_REGION: 'eu-west-1' };

describe('aws configure', () => {
  test('asks with the four prompts of the tutorial, in a terminal, and hides the secret', async () => {
    const run = world.run(['aws', 'configure'], { isTty: true });
    await run.shows('AWS Access Key ID: ');
    run.type(`${ID}\r`);
    await run.shows('AWS Secret Access Key: ');
    run.type(`${SECRET}\r`);
    await run.shows('Region name: ');
    run.type('eu-west-1\r');
    await run.shows('Artifact S3 bucket[None]: ');
    run.type('\r');
    const { code, stdout } = await run.ended;
    expect(stdout).toContain('ok   region      eu-west-1 is enabled');
    expect(stdout).toContain('Kept for acme/app.');
    expect(stdout).toContain(ID);
    expect(stdout).not.toContain(SECRET.slice(0, 8));
    expect(code).toBe(0);
    expect(world.bodies).toEqual([KEPT]);
  });

  test.each([
    ['with Unix line ends', '\n'],
    ['with Windows line ends', '\r\n'],
  ])('takes four lines by standard input, %s', async (_, end) => {
    const input = [ID, SECRET, 'eu-west-1', 'my-bucket', ''].join(end);
    const { code, stdout } = await world.run(['aws', 'configure'], { input }).ended;
    expect(code).toBe(0);
    expect(
      stdout.match(
        /AWS Access Key ID: |AWS Secret Access Key: |Region name: |Artifact S3 bucket\[None\]: /g,
      ),
    ).toHaveLength(4);
    expect(world.bodies).toEqual([{ ...KEPT, bucket: 'my-bucket' }]);
  });

  test.each([
    ['the environment alone', [], AWS_ENV],
    [
      'options, and the secret from the environment',
      ['--access-key-id', ID, '--region', 'eu-west-1'],
      { AWS_SECRET_ACCESS_KEY: SECRET },
    ],
  ])('asks nothing in a script: %s', async (_, options, env) => {
    const run = world.run(['aws', 'configure', ...options], { input: '', env });
    expect(await run.ended).toMatchObject({ code: 0 });
    expect(world.bodies).toEqual([KEPT]);
  });

  test('takes a role without a key', async () => {
    const roleArn = 'arn:aws:iam::123456789012:role/dstack';
    const words = ['aws', 'configure', '--role-arn', roleArn, '--region', 'eu-west-1'];
    expect(await world.run(words, { input: '' }).ended).toMatchObject({ code: 0 });
    expect(world.bodies).toEqual([{ roleArn, region: 'eu-west-1', bucket: null }]);
  });

  test.each([1, 2, 3])('keeps nothing when the input ends after %s lines', async (count) => {
    const input = [ID, SECRET, 'eu-west-1']
      .slice(0, count)
      .map((line) => `${line}\n`)
      .join('');
    const { code, stderr } = await world.run(['aws', 'configure'], { input, env: AWS_ENV }).ended;
    expect([code, stderr]).toEqual([1, expect.stringContaining('nothing was kept')]);
    expect(world.bodies).toEqual([]);
  });

  test.each([
    ['before the first answer', []],
    ['while the secret is typed', [ID]],
    ['before the last answer', [ID, SECRET, 'eu-west-1']],
  ])('keeps nothing after Ctrl-C %s', async (_, lines) => {
    const labels = ['AWS Access Key ID: ', 'AWS Secret Access Key: ', 'Region name: ', 'Artifact'];
    const run = world.run(['aws', 'configure'], { isTty: true });
    for (const [index, line] of [...lines, '\x03'].entries()) {
      await run.shows(labels[index] ?? '');
      run.type(line === '\x03' ? line : `${line}\r`);
    }
    const { code, stdout } = await run.ended;
    expect([code, stdout]).toEqual([130, expect.stringContaining('nothing was kept')]);
    expect(world.bodies).toEqual([]);
  });

  test('says which checks failed and what mends them', async () => {
    world.isRefused = true;
    const { code, stdout, stderr } = await world.run(['aws', 'configure'], {
      input: '',
      env: AWS_ENV,
    }).ended;
    expect(stdout).toContain('FAIL launch      denied\n                 fix: dstack aws policy\n');
    expect([code, stderr]).toEqual([1, expect.stringContaining('nothing was kept')]);
  });

  test('needs an answer for a region, and says so', async () => {
    const input = `${ID}\n${SECRET}\n\n\n`;
    const { code, stderr } = await world.run(['aws', 'configure'], { input }).ended;
    expect([code, stderr]).toEqual([1, expect.stringContaining('Region name is missing')]);
    expect(world.bodies).toEqual([]);
  });
});

describe('the command line', () => {
  test('shows an account, or that there is none', async () => {
    const none = await world.run(['aws', 'info']).ended;
    expect([none.code, none.stdout]).toEqual([0, expect.stringContaining('No AWS account')]);
    await world.run(['aws', 'configure'], { input: '', env: AWS_ENV }).ended;
    const { stdout } = await world.run(['aws', 'info']).ended;
    expect(stdout).toBe(
      'For         acme/app\nAWS account 123456789012\nAccess key  AKIA************MPLE\n' +
        'Region      eu-west-1\nBucket      None\n',
    );
    const { stdout: json } = await world.run(['aws', 'info', '--json']).ended;
    expect(JSON.parse(json)).toMatchObject({ scope: 'repo-7', account: { region: 'eu-west-1' } });
  });

  test('deletes the security group, and says what else is left', async () => {
    const { code, stdout } = await world.run(['aws', 'teardown']).ended;
    expect(code).toBe(0);
    expect(stdout).toContain('Deleted the security group sg-1 in eu-west-1.\nWhat is left: ');
    const help = await world.run(['aws', 'teardown', '--help']).ended;
    expect([help.code, help.stdout]).toEqual([0, expect.stringContaining('[--region R]')]);
  });

  test.each([['--region', 'eu-west-2'], ['--region=eu-west-2']])(
    'deletes it in the region that is named: %s',
    async (...words) => {
      const { code, stdout } = await world.run(['aws', 'teardown', ...words]).ended;
      expect([code, stdout]).toEqual([0, expect.stringContaining('sg-1 in eu-west-2.')]);
      expect(world.tornDown).toEqual(['eu-west-2']);
    },
  );

  test.each([
    ['aws teardown --now', 'dstack aws teardown has no option --now'],
    [
      'aws teardown --regoin eu-west-1',
      'dstack aws teardown has no option --regoin. Nearest: --region',
    ],
    ['aws teardown all', 'dstack aws teardown takes no "all"'],
    ['aws teardown --region mars', '--region needs an AWS region such as eu-west-1, not "mars"'],
    ['aws policy --foo', 'dstack aws policy has no option --foo'],
    ['aws policy --region', '--region needs an AWS region such as eu-west-1'],
    ['aws policy --account 12', '--account needs the 12 digits of an AWS account, not "12"'],
    ['aws policy --on-demand=no', '--on-demand takes no value'],
  ])('says which word is wrong: %s', async (line, what) => {
    const { code, stderr } = await world.run(line.split(' ')).ended;
    const command = line.split(' ').slice(0, 2).join(' ');
    expect([code, stderr]).toEqual([2, `error: ${what}\n  try: dstack ${command} --help\n`]);
    expect(world.tornDown).toEqual([]);
  });

  test('says that a role lacks a principal where the app has no credentials', async () => {
    world.principal = null;
    const { stdout } = await world.run(['aws', 'info']).ended;
    expect(stdout).toContain('Principal   none: the app has no AWS credentials of its own');
  });

  test('gives data to programs, and nothing else on standard output', async () => {
    const dataOf = async (line: string, input = '', env: Record<string, string> = {}) => {
      const run = world.run([...line.split(' '), '--json'], { input, env });
      return JSON.parse((await run.ended).stdout);
    };
    const input = `${ID}\n${SECRET}\neu-west-1\n\n`;
    const checks = [{ name: 'region', ok: true }];
    expect(await dataOf('aws configure', input)).toMatchObject({
      account: { region: 'eu-west-1' },
      checks,
    });
    expect(await dataOf('aws teardown')).toMatchObject({ region: 'eu-west-1', groups: ['sg-1'] });
    expect(await dataOf('aws clear --force')).toEqual({ ended: 0 });
    world.isRefused = true;
    const bad = [...checks, { name: 'launch', ok: false }];
    expect(await dataOf('aws configure', '', AWS_ENV)).toMatchObject({ checks: bad });
  });

  test('does not forget an account while machines run, but by force', async () => {
    const busy = await world.run(['aws', 'clear']).ended;
    expect([busy.code, busy.stderr]).toEqual([1, 'error: machines run\n']);
    expect(await world.run(['aws', 'clear', '--force']).ended).toMatchObject({ code: 0 });
    expect(world.cleared).toEqual([false, true]);
  });

  test.each<[string, string[], Record<string, string>, number, RegExp]>([
    ['nobody is signed in', ['aws', 'info'], { GH_TOKEN: '' }, 4, /nobody is signed in/],
    [
      "the token is another site's",
      ['aws', 'info'],
      { GH_TOKEN: `gho_${'0'.repeat(36)}` },
      4,
      /no such user token/,
    ],
    [
      'the address is open to others',
      ['aws', 'info', '--server', 'http://10.0.0.1'],
      {},
      1,
      /not https/,
    ],
    [
      'nobody answers',
      ['aws', 'info', '--server', 'http://127.0.0.1:9'],
      {},
      1,
      /cannot be reached/,
    ],
    ['a word is misspelt', ['aws', 'confgure'], {}, 2, /configure/],
    ['an option lacks its value', ['aws', 'info', '--owner'], {}, 2, /--owner/],
    ['the app has no door for it', ['autoscale', 'info'], {}, 1, /older than this dstack/],
  ])('says in one line when %s', async (_, words, env, code, text) => {
    const { code: got, stderr } = await world.run(words, { env, input: '' }).ended;
    expect([got, stderr]).toEqual([code, expect.stringMatching(text)]);
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  test("an owner's account names whom it serves", async () => {
    const words = ['aws', 'configure', '--owner', 'acme'];
    expect(await world.run(words, { input: '', env: AWS_ENV }).ended).toMatchObject({ code: 0 });
    expect(world.bodies).toEqual([{ ...KEPT, repositories: [7] }]);
  });
});
