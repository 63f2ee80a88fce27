import { DescribeInstancesCommand, EC2Client } from '@aws-sdk/client-ec2';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ALL_COMMANDS } from '../../src/commands/table.ts';
import { createEc2 } from '../../src/ec2/ec2.ts';
import { systemClock as clock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { value } from '../ec2/contract.ts';
import { type Moto, motoServer, startMoto } from '../moto.ts';
import { aFolder, aPort, type Started, startDstack } from '../processes.ts';
import { type HttpWorld, startHttpWorld } from '../sandbox/github-http-world.ts';

// Commands in comments, by people of every kind, to `dstack serve` as a process: GitHub over HTTP, and
// moto for AWS, with the real adapter before it.

const REGION = 'us-east-1';
const CREDENTIALS = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'secret' };
const PATH = '.github/dstack.yml';
const MOST_MS = 60_000;

let moto: Moto;
let github: HttpWorld;
let app: Started;
let aws: EC2Client;

async function start() {
  [moto, github] = await Promise.all([startMoto(), startHttpWorld()]);
  const at = { region: REGION, credentials: CREDENTIALS, endpoint: moto.url };
  aws = new EC2Client(at);
  const image = value(await createEc2({ ...at, log: silentLog }).image('al2023', 'x64'));
  const port = await aPort();
  const url = `http://127.0.0.1:${port}`;
  github.app.hookUrl = `${url}/api/github/webhooks`;
  const { model, repo } = github;
  const text = `autoscale:\n  region: ${REGION}\n  image: ${image.id}\n  rules:\n    - {instance-type: m5.large, max: 1, spot-policy: on-demand}\n`;
  await github.kernel.visit('team', () => {
    model.repos.commit(repo, { [PATH]: text });
    const roles = { alice: 'admin', wendy: 'write', rita: 'read' } as const;
    for (const [login, role] of Object.entries(roles)) {
      model.issues.setCollaborator(repo, login, role);
    }
  });
  app = startDstack(['serve'], {
    cwd: aFolder(),
    env: {
      APP_ID: String(github.app.id),
      PRIVATE_KEY: github.app.pem,
      WEBHOOK_SECRET: github.app.webhookSecret,
      GHE_HOST: new URL(github.url).host,
      GHE_PROTOCOL: 'http',
      PORT: String(port),
      PUBLIC_URL: url,
      AWS_ENDPOINT_URL: moto.url,
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      DSTACK_DEFAULT_ACCOUNT: '*',
      DSTACK_TICK_MS: '200',
      DSTACK_RESYNC_MS: '2000',
    },
  });
  await app.said('rules read');
}

async function stop() {
  await app.stop();
  await github.stop();
  await moto.stop();
}

async function until<T>(look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const limit = clock.now() + MOST_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (clock.now() > limit) throw new Error(`not in time:\n${app.stdout}${app.stderr}`);
    await clock.sleep(100);
  }
}

const issueWith = (body: string, by: string) =>
  github.kernel.visit('comment', () => {
    const { issues } = github.model;
    const { number } = issues.addIssue(github.repo, {});
    return { number, comment: issues.addComment(github.repo, number, body, by) };
  });

/** Says it in a thread of its own, and answers what was replied. */
async function say(body: string, by: string): Promise<string> {
  const { number } = await issueWith(body, by);
  return until(() => {
    const all = github.model.issues.commentsOf(github.repo, number);
    return all.ok ? all.value[1]?.body : undefined;
  });
}

const file = () => github.model.repos.fileAt(github.repo, PATH) ?? '';

/** Ids of what moto says runs. */
async function running(): Promise<readonly (string | undefined)[]> {
  const { Reservations = [] } = await aws.send(new DescribeInstancesCommand({}));
  return Reservations.flatMap(({ Instances = [] }) => Instances)
    .filter(({ State }) => State?.Name === 'pending' || State?.Name === 'running')
    .map(({ InstanceId }) => InstanceId);
}

const living = (count: number) =>
  until(async () => {
    const found = await running();
    return found.length === count ? found : undefined;
  });

const RANK = ['no access', 'read', 'write', 'admin'] as const;
type Has = (typeof RANK)[number];

/** In this order: who may first is wendy. */
const PEOPLE: readonly (readonly [login: string, has: Has])[] = [
  ['mallory', 'no access'],
  ['rita', 'read'],
  ['wendy', 'write'],
  ['alice', 'admin'],
];

interface Row {
  readonly command: string;
  readonly needs: Has;
  /** What wendy is told. */
  readonly first: RegExp;
  /** What others are who may, where it is done already. */
  readonly again?: RegExp;
  readonly isChange?: true;
}

const change = (command: string, first: RegExp, again: RegExp): Row => {
  return { command, needs: 'write', first, again, isChange: true };
};
const look = (command: string, first: RegExp): Row => ({ command, needs: 'read', first });
/** Whoever says it: it is about secrets, and threads are read by others. */
const cliOnly = (command: string): Row => ({
  command,
  needs: 'no access',
  first: /is a command of the CLI only/,
});

const TABLE: readonly Row[] = [
  change('autoscale allow c5.large --max 2', /c5\.large: at most 2/, /at most 2 already/),
  change('autoscale allow c5.large --max 1', /at most 1 \(was 2\)/, /at most 1 already/),
  look('autoscale info', /\| m5\.large \| us-east-1 \|/),
  change('autoscale disable', /Autoscaling is off/, /already off/),
  look('autoscale explain', /No job/),
  change('autoscale enable', /Autoscaling is on/, /already on/),
  look('runners', /machine/),
  look('help', /autoscale allow/),
  cliOnly('aws info'),
  cliOnly('aws configure'),
  cliOnly('aws clear'),
  change(
    'autoscale allow c5.large --max 0',
    /c5\.large: not allowed any more/,
    /There was no rule for c5\.large to remove\./,
  ),
  change('autoscale clear', /All rules are removed/, /There were no rules to remove/),
];

if (motoServer === undefined) {
  test.skip('needs moto_server', () => {});
} else {
  beforeAll(start, 2 * MOST_MS);
  afterAll(stop);

  test.each(TABLE.flatMap((row) => PEOPLE.map((person) => [...person, row.command, row] as const)))(
    '%s, who has %s: %s',
    async (login, has, command, { needs, first, again = first, isChange = false }) => {
      const before = file();
      const reply = await say(`/dstack ${command}`, login);
      const mayNot = RANK.indexOf(has) < RANK.indexOf(needs);
      expect(reply).toMatch(mayNot ? /Only people with/ : login === 'wendy' ? first : again);
      // What wendy has changed is as alice says it.
      expect(file() !== before).toBe(isChange && login === 'wendy');
      const [commit] = github.model.commits.history(github.repo);
      if (file() !== before) expect(commit?.message).toContain('@wendy');
    },
    MOST_MS,
  );

  test('every command is in the table', () => {
    const isSaid = (name: string) =>
      TABLE.some(({ command }) => `${command} `.startsWith(`${name} `));
    expect(ALL_COMMANDS.map(({ name }) => name).filter((name) => !isSaid(name))).toEqual([]);
  });

  test.each([
    ['autoscale allow m5.xlrage --max 1', /m5\.xlarge/],
    ['autoscale allow m99.large --max 1', /m99\.large is no instance type/],
    ['autoscale allow m5.large --max 1 --region mars-1', /region/],
    ['autoscale explain 17', /No job 17 of this repository/],
  ])(
    'what is not there is no reason to change anything: %s',
    async (command, reply) => {
      const before = file();
      expect(await say(`/dstack ${command}`, 'wendy')).toMatch(reply);
      expect(file()).toBe(before);
    },
    MOST_MS,
  );

  test(
    'a bot is not heard, whatever it says',
    async () => {
      const before = file();
      const all = TABLE.map(({ command }) => `/dstack ${command}`).join('\n');
      const bot = await issueWith(all, 'robot[bot]');
      // What came later is answered.
      await say('/dstack help', 'wendy');
      expect(bot.comment.reactionLog).toEqual([]);
      expect(file()).toBe(before);
    },
    MOST_MS,
  );

  test(
    'machines end when a person with the right says so, as many as have to',
    async () => {
      await say('/dstack autoscale allow m5.large --max 2 --spot-policy on-demand', 'alice');
      const job = { labels: ['self-hosted', 'dstack'], durationMs: 1_000 };
      const jobs = [1, 2].map((n) => ({ ...job, name: `build ${n}` }));
      await github.kernel.visit('run', () => github.model.jobs.addRun(github.repo, { jobs }));
      const ids = await living(2);
      await say('/dstack autoscale clear', 'rita');
      expect(await running()).toEqual(ids);

      const lowered = await say('/dstack autoscale allow m5.large --max 1', 'wendy');
      expect(lowered).toContain('Ended 1 machine');
      const [left = ''] = await running();
      expect(await running()).toHaveLength(1);
      expect(await say('/dstack autoscale explain', 'rita')).toMatch(/1 of 1 machines in use/);
      expect(await say('/dstack runners', 'rita')).toContain(left);

      const off = await say('/dstack autoscale disable', 'wendy');
      expect(off).toContain('Ended 1 machine');
      expect([await running(), off.includes(left)]).toEqual([[], true]);
      expect(await say('/dstack autoscale explain', 'rita')).toMatch(/disabled/i);
      await say('/dstack autoscale enable', 'wendy');
      const [again = ''] = await living(1);

      const reply = await say('/dstack autoscale clear', 'wendy');
      expect(reply).toContain('Ended 1 machine');
      expect(reply).toContain(again);
      expect(await running()).toEqual([]);
      expect(file()).toContain('rules: []');
    },
    3 * MOST_MS,
  );
}
