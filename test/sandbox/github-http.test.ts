import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createGitHub } from '../../src/github/github.ts';
import { convertManifest } from '../../src/github/manifest.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { type HttpWorld, type HttpWorldOptions, startHttpWorld } from './github-http-world.ts';
import { addJob, addRunner, value } from './github-world.ts';

let world: HttpWorld;
const open = async (options?: HttpWorldOptions) => {
  world = await startHttpWorld(options);
};
afterEach(async () => {
  await world.stop();
  expect(world.problems).toEqual([]);
});

function appToken(change: object = {}, key = world.app.pem): string {
  const nowS = Math.floor(systemClock.now() / 1000);
  const claims = { iat: nowS - 60, exp: nowS + 540, iss: world.app.id, ...change };
  const body = [{ alg: 'RS256', typ: 'JWT' }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${body}.${sign('sha256', Buffer.from(body), key).toString('base64url')}`;
}

interface Got {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
}

async function call(
  route: string,
  token: string,
  { body, headers }: { body?: object; headers?: Record<string, string> } = {},
): Promise<Got> {
  const [method = '', path = ''] = route.split(' ');
  const answer = await world.fetch(`${world.url}/api/v3${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...headers },
    redirect: 'manual',
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return {
    status: answer.status,
    headers: answer.headers,
    body: text === '' ? {} : JSON.parse(text),
  };
}

async function installationToken(body: object = {}): Promise<string> {
  const path = `POST /app/installations/${world.installation.id}/access_tokens`;
  const minted = await call(path, appToken(), { body });
  expect(minted.status).toBe(201);
  return String(minted.body['token']);
}

const REPO = '/repos/acme/app';

describe('REST', () => {
  beforeEach(() => open());

  test('every route answers as GitHub describes it', async () => {
    const job = addJob(world);
    const runner = addRunner(world);
    const token = await installationToken();
    const { id } = world.installation;
    const run = job.run.id;
    const app = ['/app', '/app/installations', `/app/installations/${id}`];
    for (const path of [...app, '/app/hook/deliveries']) {
      expect((await call(`GET ${path}`, appToken())).status).toBe(200);
    }
    for (const path of [
      '/installation/repositories',
      REPO,
      `/repositories/${world.repo.id}`,
      `${REPO}/contents/.github/dstack.yml?ref=main`,
      `${REPO}/actions/runs?status=queued&per_page=1`,
      `${REPO}/actions/runs/${run}`,
      `${REPO}/actions/runs/${run}/jobs?filter=all`,
      `${REPO}/actions/jobs/${job.id}`,
      `${REPO}/actions/runners?name=${runner.name}`,
      `${REPO}/actions/runners/${runner.id}`,
      `${REPO}/actions/runners/downloads`,
    ]) {
      expect([path, (await call(`GET ${path}`, token)).status]).toEqual([path, 200]);
    }
    const gone = await call(`DELETE ${REPO}/actions/runners/${runner.id}`, token);
    expect(gone.status).toBe(204);
  });

  test('a link is shown as the file that it leads to, and is broken by a commit with its blob', async () => {
    const token = await installationToken();
    const route = `${REPO}/contents/link.yml`;
    const commit = (to: string) =>
      world.model.repos.commit(world.repo, { 'link.yml': { link: to }, 'a/b.yml': 'b: 1\n' });
    commit('a/b.yml');
    const shown = await call(`GET ${route}`, token);
    const content = Buffer.from('b: 1\n').toString('base64');
    expect(shown.body).toMatchObject({ type: 'file', path: 'link.yml', content });
    const message = 'Edit it';
    const put = await call(`PUT ${route}`, token, {
      body: { message, content, sha: shown.body['sha'] },
    });
    expect(put.status).toBe(200);
    const target = 'b: 1\n';
    expect((await call(`GET ${route}`, token)).body).toMatchObject({ type: 'symlink', target });
    const entries: unknown = (await call(`GET ${REPO}/contents/a`, token)).body;
    expect(entries).toMatchObject([{ type: 'file', path: 'a/b.yml' }]);
  });

  test('pages of a list are linked', async () => {
    for (let i = 0; i < 5; i += 1) addJob(world);
    const token = await installationToken();
    const path = `${REPO}/actions/runs?status=queued&per_page=2`;
    const second = await call(`GET ${path}&page=2`, token);
    expect(second.body).toMatchObject({ total_count: 5 });
    const links = second.headers.get('link') ?? '';
    const page = (n: number, rel: string) => `<${world.url}/api/v3${path}&page=${n}>; rel="${rel}"`;
    expect(links.split(', ')).toEqual([page(1, 'prev'), page(3, 'next'), page(3, 'last')]);
    const last = await call(`GET ${path}&page=3`, token);
    expect(last.headers.get('link')).not.toContain('next');
  });

  test('an unchanged answer is 304 and costs nothing', async () => {
    const token = await installationToken();
    const first = await call(`GET ${REPO}/actions/runners`, token);
    const etag = first.headers.get('etag') ?? '';
    const again = () =>
      call(`GET ${REPO}/actions/runners`, token, { headers: { 'if-none-match': etag } });
    expect((await again()).status).toBe(304);
    addRunner(world);
    const changed = await again();
    expect(changed.status).toBe(200);
    expect(first.headers.get('x-ratelimit-used')).toBe('1');
    expect(changed.headers.get('x-ratelimit-used')).toBe('2');
  });

  test('a former name is redirected to the id', async () => {
    world.model.repos.rename(world.repo, 'renamed');
    const token = await installationToken();
    const moved = await call(`GET ${REPO}/actions/runners`, token);
    expect(moved.status).toBe(301);
    const to = `${world.url}/api/v3/repositories/${world.repo.id}/actions/runners`;
    expect(moved.headers.get('location')).toBe(to);
    expect((await call('GET /repos/ACME/Renamed', token)).status).toBe(200);
  });
});

describe('who may call', () => {
  beforeEach(() => open());

  test('the App’s token must be signed by its key, and neither old nor far ahead', async () => {
    const nowS = Math.floor(systemClock.now() / 1000);
    const { privateKey: other } = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    });
    const status = async (token: string) => (await call('GET /app', token)).status;
    expect(await status(appToken())).toBe(200);
    expect(await status(appToken({ iss: world.app.clientId }))).toBe(200);
    expect(await status(appToken({}, other))).toBe(401);
    expect(await status(appToken({ iss: 1 }))).toBe(401);
    expect(await status(appToken({ exp: nowS - 1 }))).toBe(401);
    expect(await status(appToken({ exp: nowS + 3600 }))).toBe(401);
    expect(await status(appToken({ iat: nowS + 600 }))).toBe(401);
    expect(await status('nonsense')).toBe(401);
    expect(await status(await installationToken())).toBe(401);
  });

  test('a token does no more than it was minted for', async () => {
    const other = world.model.repos.addRepo({ owner: world.installation.owner, name: 'other' });
    const permissions = { actions: 'read' };
    const token = await installationToken({ repository_ids: [world.repo.id], permissions });
    expect(world.minted.at(-1)).toMatchObject({
      repos: new Set([world.repo.id]),
      permissions: { metadata: 'read', actions: 'read' },
    });
    expect((await call(`GET ${REPO}/actions/runs`, token)).status).toBe(200);
    const far = await call(`GET /repos/acme/${other.name}/actions/runs`, token);
    expect(far.status).toBe(404);
    const denied = await call(`GET ${REPO}/actions/runners`, token);
    expect(denied).toMatchObject({
      status: 403,
      body: { message: 'Resource not accessible by integration' },
    });
    expect(denied.headers.get('x-accepted-github-permissions')).toBe('administration=read');
    expect((await call(`GET ${REPO}/actions/runs`, 'ghs_made_up')).status).toBe(401);
  });

  test.each([
    ['a permission that was not granted', { permissions: { workflows: 'write' } }],
    ['more than was granted', { permissions: { metadata: 'write' } }],
    ['a repository out of reach', { repository_ids: [1] }],
  ])('no token is minted for %s', async (_, body) => {
    const path = `POST /app/installations/${world.installation.id}/access_tokens`;
    expect((await call(path, appToken(), { body })).status).toBe(422);
    expect(world.minted).toEqual([]);
  });

  test('the adapter’s tokens are as narrow as each call, and one serves many', async () => {
    const { github, ref } = world;
    value(await github.runners(ref));
    value(await github.runners(ref));
    value(await github.register(ref, { name: 'one', labels: ['a'] }));
    expect(world.minted.map(({ permissions, repos }) => [permissions, [...(repos ?? [])]])).toEqual(
      [
        [{ metadata: 'read', administration: 'read' }, [ref.id]],
        [{ metadata: 'read', administration: 'write' }, [ref.id]],
      ],
    );
  });
});

describe('under faults', () => {
  test('beyond the limit GitHub says until when', async () => {
    await open({ knobs: { rateLimit: 1 } });
    const { github, ref } = world;
    value(await github.runners(ref));
    const over = await github.job(ref, 1);
    expect(over).toMatchObject({ ok: false, reason: 'throttled' });
    const retryAt = over.ok ? 0 : (over.retryAt ?? 0);
    expect(retryAt).toBeGreaterThan(systemClock.now() + 3_500_000);
  });

  test.each([
    ['error', 0],
    ['lost-answer', 1],
  ] as const)('an answer that is an error page (%s) leaves %i runners', async (fault, made) => {
    await open({ fault: (route) => (route.includes('jitconfig') ? fault : undefined) });
    const reply = await world.github.register(world.ref, { name: 'one', labels: ['a'] });
    expect(reply).toMatchObject({ ok: false, reason: 'unreachable', code: '502' });
    expect(world.repo.runners.size).toBe(made);
    world.problems.length = 0;
  });
});

describe('webhooks', () => {
  test('are sent signed, and a refusal is recorded and listed', async () => {
    await open();
    const receiver = createServer();
    const got = new Promise<{ headers: IncomingHttpHeaders; body: string }>((resolve) => {
      receiver.on('request', async (req, res) => {
        const parts: Buffer[] = [];
        for await (const part of req) parts.push(part);
        res.writeHead(500).end();
        // One request is all that comes: an open server would keep the tests from ending.
        receiver.close();
        resolve({ headers: req.headers, body: Buffer.concat(parts).toString() });
      });
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    const address = receiver.address();
    const port = typeof address === 'object' ? address?.port : 0;
    world.app.hookUrl = `http://127.0.0.1:${port}/api/github/webhooks`;
    const job = addJob(world);
    const { headers, body } = await got;
    const hmac = createHmac('sha256', world.app.webhookSecret).update(body).digest('hex');
    expect(headers['x-hub-signature-256']).toBe(`sha256=${hmac}`);
    expect(headers['x-github-event']).toBe('workflow_job');
    expect(JSON.parse(body)).toMatchObject({ action: 'queued', workflow_job: { id: job.id } });
    const recorded = () =>
      world.model.hooks.deliveries().find(({ event }) => event === 'workflow_job');
    await expectSoon(() => recorded() !== undefined);
    expect(recorded()).toMatchObject({ statusCode: 500, guid: headers['x-github-delivery'] });
    const shown = await call(`GET /app/hook/deliveries/${recorded()?.id}`, appToken());
    expect(shown.body).toMatchObject({ request: { payload: JSON.parse(body) } });
  });

  test('their records are listed by cursor, newest first', async () => {
    await open();
    for (let i = 0; i < 5; i += 1) addJob(world);
    await expectSoon(() => world.model.hooks.deliveries().length === 6);
    const ids: number[] = [];
    let path: string | undefined = '/app/hook/deliveries?status=failure&per_page=4';
    for (let pages = 0; path !== undefined; pages += 1) {
      expect(pages).toBeLessThan(2);
      const page: Got = await call(`GET ${path}`, appToken());
      for (const one of Object.values(page.body)) ids.push(idIn(one));
      const next: string | undefined = /<([^>]+)>; rel="next"/.exec(
        page.headers.get('link') ?? '',
      )?.[1];
      path = next?.slice(`${world.url}/api/v3`.length);
    }
    expect(ids).toEqual(world.model.hooks.deliveries().map(({ id }) => id));
    const good = await call('GET /app/hook/deliveries?status=success', appToken());
    expect(good.body).toEqual([]);
  });
});

const idIn = (value: unknown): number =>
  typeof value === 'object' && value !== null && 'id' in value ? Number(value.id) : 0;

/** The world goes on by itself; this looks at it after each of its moments. */
async function expectSoon(isSo: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !isSo(); i += 1) {
    await new Promise<void>((resolve) => {
      world.kernel.at(5, 'look', resolve);
    });
  }
  expect(isSo()).toBe(true);
}

describe('the setup', () => {
  test('registers the App from a manifest, and gives its credentials once', async () => {
    await open();
    const manifest = JSON.stringify({
      name: 'mine <b>',
      redirect_url: 'http://127.0.0.1:1/setup/registered',
      hook_attributes: { url: 'http://127.0.0.1:1/hook' },
    });
    const post = (path: string, form: Record<string, string>) =>
      fetch(`${world.url}${path}`, {
        method: 'POST',
        body: new URLSearchParams(form),
        redirect: 'manual',
      });
    const page = await (await post('/settings/apps/new?state=s1', { manifest })).text();
    expect(page).toContain('mine &lt;b&gt;');
    expect(page).toContain('name="state" value="s1"');
    const back = await post('/settings/apps/create', { manifest, state: 's1' });
    expect(back.status).toBe(302);
    const to = new URL(back.headers.get('location') ?? '');
    expect([to.pathname, to.searchParams.get('state')]).toEqual(['/setup/registered', 's1']);
    const convert = () =>
      convertManifest(
        {
          apiUrl: `${world.url}/api/v3`,
          userAgent: 'dstack-test',
          clock: systemClock,
          log: silentLog,
          fetch: world.fetch,
        },
        to.searchParams.get('code') ?? '',
      );
    const made = value(await convert());
    expect(made).toMatchObject({ id: world.app.id, webhookSecret: world.app.webhookSecret });
    expect(world.app.hookUrl).toBe('http://127.0.0.1:1/hook');
    expect(await convert()).toMatchObject({ ok: false, reason: 'missing' });
    const github = createGitHub({
      appId: String(made.id),
      privateKey: made.pem,
      apiUrl: `${world.url}/api/v3`,
      clock: systemClock,
      log: silentLog,
      userAgent: 'dstack-test',
    });
    expect(value(await github.installations())).toHaveLength(1);
  });
});
