import { join } from 'node:path';
import { pino } from 'pino';
import type { Accounts } from '../../src/accounts/port.ts';
import { createCatalogue } from '../../src/act/catalogue.ts';
import { createApp } from '../../src/app.ts';
import type { GitHub, Talk } from '../../src/github/port.ts';
import { systemClock as clock } from '../../src/lib/clock.ts';
import { createKeys } from '../../src/lib/keys.ts';
import { systemRandom as random } from '../../src/lib/random.ts';
import { Secret } from '../../src/lib/secret.ts';
import type { Store } from '../../src/store/port.ts';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { listen } from '../../src/web/server.ts';
import { githubStub } from './github-stub.ts';
import { SECRET } from './webhooks.ts';

export const silent = pino({ level: 'silent' });

export interface Served {
  readonly port: number;
  readonly store: Store;
}

/** The whole app as main.ts makes it, its store in `folder`; GitHub is a stub unless one is given. */
export async function serveApp(on: {
  readonly folder: string;
  readonly accounts: Accounts;
  readonly rules: string;
  readonly resyncMs: number;
  readonly github?: GitHub & Talk;
  readonly webhookSecret?: string;
}): Promise<Served> {
  const { accounts, github, webhookSecret = SECRET } = on;
  const opened = await openSqliteStore(join(on.folder, 'app.db'));
  if (!opened.ok) throw new Error(opened.message);
  const { store } = opened;
  const { routes } = createApp({
    store,
    log: silent,
    clock,
    random,
    accounts,
    catalogue: createCatalogue({ accounts, clock, store }),
    github: github ?? githubStub(on.rules),
    ...(github && { talk: github }),
    sts: { callerOf: async () => ({ ok: true, value: { arn: '' } }) },
    keys: createKeys(SECRET),
    settings: {
      app: 'github.test/1',
      htmlUrl: 'http://github.test',
      label: 'dstack',
      publicUrl: 'http://app.test',
      defaultRegion: null,
      resyncMs: on.resyncMs,
      registerTimeoutMs: 300_000,
      daemonSha256: '0'.repeat(64),
    },
    holder: 'bench',
    tickMs: 5_000,
    webhookSecret: new Secret(webhookSecret),
    metricsToken: null,
    audience: '',
    daemon: Buffer.alloc(0),
    isHomeOpen: false,
  });
  const server = await listen(routes, { host: '127.0.0.1', port: 0, log: silent });
  if (server === 'port-taken') throw new Error('no port is free');
  return { port: server.port, store };
}
