import { createHmac, generateKeyPairSync, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Probot, Server } from 'probot';
import { serveApp, silent } from './app.ts';
import { answerParent, portOf } from './child.ts';
import { SECRET } from './webhooks.ts';

// One contestant in a process of its own. Arguments: `ours`, `bare` or `probot`; a folder for ours.

const RULES = `autoscale:
  region: eu-west-1
  rules:
    - instance-type: m5.xlarge
      max: 4
`;

/** Every tick of every scope is real; they end where a machine would be launched. */
async function ours(folder: string) {
  const reason = { code: 'no-account', text: 'the benchmark launches nothing' };
  const accounts = {
    accountFor: async () => ({ reason }),
    ec2: () => {
      throw new Error('nothing launches here');
    },
  };
  const { port, store } = await serveApp({ folder, accounts, rules: RULES, resyncMs: 60_000 });
  return { port, unapplied: async () => (await store.unapplied(1)).length };
}

/** The least that a receiver of webhooks can do. */
async function bare() {
  const server = createServer((req, res) => {
    const parts: Buffer[] = [];
    req.on('data', (part: Buffer) => parts.push(part));
    req.on('end', () => {
      const body = Buffer.concat(parts);
      const right = createHmac('sha256', SECRET).update(body).digest();
      const given = Buffer.from(String(req.headers['x-hub-signature-256']).slice(7), 'hex');
      const isSigned = given.length === right.length && timingSafeEqual(given, right);
      const isObject = typeof JSON.parse(body.toString()) === 'object';
      res.writeHead(isSigned && isObject ? 200 : 400, { 'content-length': 3 });
      res.end('ok\n');
    });
  });
  return { port: await portOf(server) };
}

/** Probot's own server with a handler that does nothing. It cannot be asked for any free port. */
async function probot() {
  const free = createServer();
  const port = await portOf(free);
  free.close();
  await once(free, 'close');
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  });
  const server = new Server({
    Probot: Probot.defaults({ appId: 1, privateKey, secret: SECRET, log: silent }),
    log: silent,
    host: '127.0.0.1',
    port,
  });
  await server.load((app) => {
    app.on('workflow_job', () => {});
  });
  await server.start();
  return { port };
}

const CONTESTANTS: Readonly<
  Record<string, (folder: string) => Promise<{ port: number; unapplied?: () => Promise<number> }>>
> = { ours, bare, probot };

const [kind = '', folder = ''] = process.argv.slice(2);
const running = await CONTESTANTS[kind]?.(folder);
if (!running) throw new Error(`no contestant is called "${kind}"`);
answerParent({
  port: () => running.port,
  cpuMs: () => process.cpuUsage().user / 1000 + process.cpuUsage().system / 1000,
  memoryMb: () => process.memoryUsage.rss() / 2 ** 20,
  unapplied: running.unapplied ?? (() => 0),
});
