import { DescribeInstancesCommand, EC2Client } from '@aws-sdk/client-ec2';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
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
async function living(): Promise<readonly (string | undefined)[]> {
  const { Reservations = [] } = await aws.send(new DescribeInstancesCommand({}));
  return Reservations.flatMap(({ Instances = [] }) => Instances)
    .filter(({ State }) => State?.Name === 'pending' || State?.Name === 'running')
    .map(({ InstanceId }) => InstanceId);
}

if (motoServer === undefined) {
  test.skip('needs moto_server', () => {});
} else {
  beforeAll(start, 2 * MOST_MS);
  afterAll(stop);

  test.each([
    ['alice', 'autoscale allow m5.xlarge --max 1', /m5\.xlarge: at most 1/, true],
    ['wendy', 'autoscale allow c5.large --max 2', /c5\.large: at most 2/, true],
    ['rita', 'autoscale allow c5.large --max 3', /write access/, false],
    ['mallory', 'autoscale allow c5.large --max 3', /no access/, false],
    ['wendy', 'autoscale allow m5.xlrage --max 1', /m5\.xlarge/, false],
    ['wendy', 'autoscale allow m99.large --max 1', /m99\.large is no instance type/, false],
    ['wendy', 'autoscale allow m5.large --max 1 --region mars-1', /region/, false],
    ['wendy', 'autoscale info', /\| m5\.large \| us-east-1 \|/, false],
    ['wendy', 'runners', /machine/, false],
    ['wendy', 'autoscale allow c5.large --max 0', /c5\.large: not allowed any more/, true],
  ])(
    '%s: %s',
    async (login, command, reply, isChange) => {
      const before = file();
      expect(await say(`/dstack ${command}`, login)).toMatch(reply);
      expect(file() !== before).toBe(isChange);
      const [commit] = github.model.commits.history(github.repo);
      if (isChange) expect(commit?.message).toContain(`@${login}`);
    },
    MOST_MS,
  );

  test(
    'a bot is not heard, nor is a machine ended before a person with the right says so',
    async () => {
      const job = { name: 'build', labels: ['self-hosted', 'dstack'], durationMs: 1_000 };
      await github.kernel.visit('run', () =>
        github.model.jobs.addRun(github.repo, { jobs: [job] }),
      );
      const ids = await until(async () => {
        const found = await living();
        return found.length > 0 ? found : undefined;
      });
      const before = file();
      const bot = await issueWith('/dstack autoscale clear', 'robot[bot]');
      await say('/dstack autoscale clear', 'rita');
      expect(bot.comment.reactionLog).toEqual([]);
      expect([await living(), file()]).toEqual([ids, before]);
      const reply = await say('/dstack autoscale clear', 'wendy');
      expect(reply).toContain('Ended 1 machine');
      expect(reply).toContain(`${ids[0]}`);
      expect(await living()).toEqual([]);
      expect(file()).toContain('rules: []');
    },
    2 * MOST_MS,
  );
}
