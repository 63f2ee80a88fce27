import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createAccounts } from '../../src/accounts/default.ts';
import { createEc2 } from '../../src/ec2/ec2.ts';
import type { Ec2 } from '../../src/ec2/port.ts';
import { createGitHub } from '../../src/github/github.ts';
import { systemClock as clock } from '../../src/lib/clock.ts';
import type { Instance } from '../../src/model/launch.ts';
import { serveApp, silent } from './app.ts';
import { answerParent, portOf } from './child.ts';

// The app as main.ts makes it, before a GitHub and an AWS by HTTP; and beside it the bare parts of a
// command's path, which send the same requests again without a thought. Arguments: a folder, the
// addresses of GitHub and AWS, the App's id, key and webhook secret.

const REGION = 'eu-west-1';
const R_MS = 60_000;
/** A token is asked for once an hour, whatever happens in it. */
const TOKENS = '/access_tokens';

interface Sent {
  readonly url: string;
  readonly init: RequestInit;
}

const [folder = '', github = '', aws = '', appId = '', privateKey = '', webhookSecret = ''] =
  process.argv.slice(2);

/** What went to GitHub since the last question about it. */
let sent: Sent[] = [];

let lastAt = 0;

const noting: typeof globalThis.fetch = (input, init = {}) => {
  lastAt = clock.now();
  sent.push({ url: String(input instanceof Request ? input.url : input), init });
  return fetch(input, init);
};

/** Of the last command: what went to GitHub before the machines were ended. */
let before: readonly Sent[] = [];

/** What is told to GitHub afterwards is not on the way to it. */
const noticingEnds = (ec2: Ec2): Ec2 => ({
  ...ec2,
  terminate(ids) {
    if (before.length === 0) before = sent;
    sent = [];
    return ec2.terminate(ids);
  },
});

const credentials = { accessKeyId: 'AKIABENCH', secretAccessKey: 'pretend' };
const { port, store } = await serveApp({
  folder,
  rules: '',
  resyncMs: R_MS,
  webhookSecret,
  accounts: createAccounts({
    owners: ['*'],
    makeEc2: (region) =>
      noticingEnds(createEc2({ region, log: silent, credentials, endpoint: aws })),
  }),
  github: createGitHub({
    appId,
    privateKey,
    apiUrl: `${github}/api/v3`,
    userAgent: 'dstack-bench',
    clock,
    log: silent,
    fetch: noting,
  }),
});
const isOpen = JSON.stringify({ since: 0, seen: null });
await store.saveFact(`look:default:${REGION}`, isOpen, clock.now());

/** What the machines would say: each has a job. Answers how many of a scope have one. */
async function makeBusy(): Promise<number> {
  let busy = 0;
  for (const scope of await store.scopesWithWork()) {
    const { instances, jobs } = await store.scopeRows(scope);
    const free = jobs.filter(({ state }) => state === 'queued');
    const ready = instances.filter((one) => one.id !== null && one.state === 'pending');
    for (const [i, instance] of ready.entries()) {
      const job = free[i];
      if (!job) continue;
      const runnerName = `machine-${instance.key}`;
      await takeJob(instance, runnerName);
      await store.report(
        [{ ...job, state: 'in_progress', runnerName, startedAt: clock.now() }],
        clock.now(),
      );
      busy += 1;
    }
  }
  return busy;
}

async function takeJob({ key }: Instance, runnerName: string): Promise<void> {
  const now = clock.now();
  const times = { registeredAt: now, onlineAt: now, startedAt: now };
  const patch = { state: 'busy', runnerName, ...times } as const;
  await store.changeInstance({ key, from: ['pending'], patch });
}

const onTheWay = () => before.filter(({ url }) => !url.endsWith(TOKENS));

/** A request in, a row on the disk, the same requests out, one after the other. */
async function bare(): Promise<number> {
  const db = new DatabaseSync(join(folder, 'bare.db'));
  db.exec('pragma locking_mode = exclusive; pragma journal_mode = wal; pragma synchronous = full');
  db.exec('create table rows (seq integer primary key, body text)');
  const insert = db.prepare('insert into rows (body) values (?)');
  return portOf(
    createServer(async (req, res) => {
      req.resume();
      await once(req, 'end');
      insert.run('one row'.padEnd(600));
      res.writeHead(202, { 'content-length': 0 }).end();
      for (const { url, init } of onTheWay()) {
        const answer = await fetch(url, init);
        await answer.arrayBuffer();
      }
      const body = `Action=TerminateInstances&${'InstanceId.1=i-0123456789abcdef0&'.repeat(100)}`;
      await fetch(aws, { method: 'POST', body });
    }),
  );
}

const barePort = await bare();

answerParent({
  port: () => port,
  barePort: () => barePort,
  makeBusy,
  /** For how long nothing went to GitHub. */
  quietMs: () => clock.now() - lastAt,
  forget: () => {
    sent = [];
    before = [];
    return 0;
  },
  calls: () => onTheWay().length,
  tokens: () => before.length - onTheWay().length,
});
