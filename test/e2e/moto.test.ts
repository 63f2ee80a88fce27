import {
  DescribeInstanceAttributeCommand,
  DescribeInstancesCommand,
  EC2Client,
} from '@aws-sdk/client-ec2';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createEc2 as createEc2Client } from '../../src/ec2/ec2.ts';
import { systemClock as clock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { assignmentsOf } from '../../src/sandbox/assignments.ts';
import { serveAws } from '../../src/sandbox/aws-http.ts';
import { signProof } from '../../src/sandbox/aws-identity.ts';
import { createEc2 } from '../../src/sandbox/ec2.ts';
import type { Ec2Instance } from '../../src/sandbox/ec2-instance.ts';
import { value } from '../ec2/contract.ts';
import { type Moto, motoServer, startMoto } from '../moto.ts';
import { aFolder, aPort, type Started, startDstack } from '../processes.ts';
import { aCall, one } from '../sandbox/ec2-world.ts';
import { type HttpWorld, startHttpWorld } from '../sandbox/github-http-world.ts';

// `dstack serve` as a process before an AWS that is not ours: moto checks and keeps what is launched,
// and the test plays the machine by the contract. moto has no identity role, so STS is the sandbox's.

const REGION = 'us-east-1';
const CREDENTIALS = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'secret' };
const MOST_MS = 120_000;

let moto: Moto;
let github: HttpWorld;
let sts: Awaited<ReturnType<typeof serveAws>>;
let app: Started;
let aws: EC2Client;
let url: string;
/** The machines whose identity role STS knows. */
const known = new Map<string, Ec2Instance>();

async function start() {
  moto = await startMoto();
  const at = { region: REGION, credentials: CREDENTIALS, endpoint: moto.url };
  aws = new EC2Client(at);
  const image = value(await createEc2Client({ ...at, log: silentLog }).image('al2023', 'x64'));
  github = await startHttpWorld();
  const rules = `autoscale:\n  region: ${REGION}\n  image: ${image.id}\n  rules:\n    - {instance-type: m5.large, max: 1, spot-policy: on-demand}\n`;
  const model = createEc2(github.kernel);
  sts = await serveAws({ kernel: github.kernel, model: { ...model, instances: known }, clock });
  const port = await aPort();
  url = `http://127.0.0.1:${port}`;
  github.app.hookUrl = `${url}/api/github/webhooks`;
  await github.kernel.visit('rules', () =>
    github.model.repos.commit(github.repo, { '.github/dstack.yml': rules }),
  );
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
      AWS_ENDPOINT_URL_STS: sts.url,
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      DSTACK_DEFAULT_ACCOUNT: '*',
      DSTACK_TICK_MS: '200',
      DSTACK_RESYNC_MS: '2000',
    },
  });
  await app.said('listening');
}

async function stop() {
  await sts.close();
  await github.stop();
  await moto.stop();
}

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  const limit = clock.now() + MOST_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (clock.now() > limit) throw new Error(`not in time:\n${app.stdout}${app.stderr}`);
    await clock.sleep(200);
  }
}

/** The one instance that the app launched, as moto shows it. */
const launchedOne = () =>
  until(async () => {
    const filter = [{ Name: 'tag-key', Values: ['dstack:launch'] }];
    const { Reservations } = await aws.send(new DescribeInstancesCommand({ Filters: filter }));
    return Reservations?.flatMap(({ Instances }) => Instances ?? [])[0];
  });

async function userDataOf(id: string) {
  const ask = { InstanceId: id, Attribute: 'userData' } as const;
  const { UserData } = await aws.send(new DescribeInstanceAttributeCommand(ask));
  return assignmentsOf(Buffer.from(UserData?.Value ?? '', 'base64').toString());
}

async function post(path: string, body: object, session?: string) {
  const answer = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(session === undefined ? {} : { authorization: `Bearer ${session}` }),
    },
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: JSON.parse(await answer.text()) };
}

const anEvent = (kind: string) => ({
  events: [{ id: `e-${kind}`, at: new Date(clock.now()).toISOString(), kind }],
});

if (motoServer === undefined) {
  test.skip('needs moto_server', () => {});
} else {
  beforeAll(start, MOST_MS);
  afterAll(stop);

  test(
    'a signed webhook leads to an instance, and a machine that keeps the contract is taken',
    async () => {
      const job = { name: 'build', labels: ['self-hosted', 'dstack'], durationMs: 1_000 };
      await github.kernel.visit('run', () =>
        github.model.jobs.addRun(github.repo, { jobs: [job] }),
      );
      const { InstanceId: id = '', Tags = [] } = await launchedOne();
      expect(Tags.map(({ Key }) => Key)).toEqual(
        expect.arrayContaining(['Name', 'dstack:app', 'dstack:scope', 'dstack:rule']),
      );
      const variables = await userDataOf(id);
      const launch = variables.get('DSTACK_LAUNCH');
      const token = variables.get('DSTACK_TOKEN');
      expect(variables.get('DSTACK_URL')).toBe(url);

      const request = '0123456789abcdef'.repeat(2);
      const audience = new URL(url).host;
      const proof = signProof({ instance: id, region: REGION, audience, now: clock.now() });
      const ask = { launch, token, instance: id, request, proof };
      // STS does not know the machine yet: the proof is good for nothing.
      const unknown = await post('/runner/v1/register', ask);
      expect([unknown.status, unknown.body.error.code]).toEqual([401, 'proof']);
      known.set(id, one(createEc2(github.kernel).runInstances('eu-west-1', aCall())));
      expect((await post('/runner/v1/register', { ...ask, token: 'forged' })).status).toBe(401);
      const registered = await post('/runner/v1/register', ask);
      expect(registered).toMatchObject({ status: 201, body: { session: expect.any(String) } });
      expect(await post('/runner/v1/register', ask)).toEqual(registered);
      const other = { ...ask, request: 'f'.repeat(32) };
      expect((await post('/runner/v1/register', other)).status).toBe(409);
      const [runner] = [...github.repo.runners.values()];
      expect(runner?.name).toBe(registered.body.runner);

      const { session } = registered.body;
      const tell = (kind: string) => post('/runner/v1/events', anEvent(kind), session);
      const goOn = { status: 200, body: { next: 'continue' } };
      expect(await tell('online')).toEqual(goOn);
      expect(await tell('job-started')).toEqual(goOn);
      expect(await tell('job-finished')).toEqual({ status: 200, body: { next: 'stop' } });
      expect((await post('/runner/v1/events', anEvent('online'), 'forged')).status).toBe(401);

      // It does not power itself off: the app ends it, R after its job.
      await until(async () => {
        const { State } = await launchedOne();
        return State?.Name === 'running' || State?.Name === 'pending' ? undefined : State?.Name;
      });
      const metrics = await (await fetch(`${url}/metrics`)).text();
      expect(metrics).toContain('dstack_refused_total{what="register",why="proof"} 1');
      expect(await app.stop()).toBe(0);
      expect(app.stderr).toBe('');
    },
    2 * MOST_MS,
  );
}
