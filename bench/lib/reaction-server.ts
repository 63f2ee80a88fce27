import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createAccounts } from '../../src/accounts/default.ts';
import { createEc2 } from '../../src/ec2/ec2.ts';
import { serveApp, silent } from './app.ts';
import { answerParent, portOf } from './child.ts';

// One contestant in a process of its own. Arguments: `ours` or `bare`, a folder, the address of AWS,
// and the bytes that bare sends there.

const REGION = 'eu-west-1';
/** Below the places that the rule has, so that each job gets its machine at once. */
const RULES = `autoscale:
  region: ${REGION}
  rules:
    - instance-type: m5.xlarge
      max: 50
`;

/** The app with the SDK's own client; the region was looked over before. */
async function ours(folder: string, aws: string): Promise<number> {
  const credentials = { accessKeyId: 'AKIABENCH', secretAccessKey: 'pretend' };
  const accounts = createAccounts({
    owners: ['*'],
    makeEc2: (region) => createEc2({ region, log: silent, credentials, endpoint: aws }),
  });
  const { port, store } = await serveApp({ folder, accounts, rules: RULES, resyncMs: 60_000 });
  const isOpen = JSON.stringify({ since: 0, seen: null });
  await store.saveFact(`look:default:${REGION}`, isOpen, Date.now());
  return port;
}

/** The parts without the thought: a request in, a row on the disk, a request of the same size out. */
async function bare(folder: string, aws: string, bytes: number): Promise<number> {
  const db = new DatabaseSync(join(folder, 'bare.db'));
  db.exec('pragma locking_mode = exclusive; pragma journal_mode = wal; pragma synchronous = full');
  db.exec('create table rows (seq integer primary key, body text)');
  const insert = db.prepare('insert into rows (body) values (?)');
  const agent = new Agent({ keepAlive: true });
  const body = 'Action=RunInstances&'.padEnd(bytes, 'x');
  return portOf(
    createServer(async (req, res) => {
      req.resume();
      await once(req, 'end');
      insert.run('one row'.padEnd(600));
      res.writeHead(202, { 'content-length': 0 }).end();
      const out = request(aws, { method: 'POST', agent, headers: { 'content-length': bytes } });
      out.on('response', (answer) => answer.resume()).end(body);
    }),
  );
}

const [kind, folder = '', aws = '', bytes = ''] = process.argv.slice(2);
const port = await (kind === 'ours' ? ours(folder, aws) : bare(folder, aws, Number(bytes)));
answerParent({ port: () => port });
