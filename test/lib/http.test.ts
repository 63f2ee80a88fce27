import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { type Answer, type Routes, serveRoutes } from '../../src/lib/http.ts';

const says = (body: string) => async (): Promise<Answer> => ({ status: 200, body });

const ROUTES: Routes = {
  'GET /': says('the first page'),
  'GET /files/*': says('a file'),
  'GET /files/secret/*': says('a secret file'),
  'GET /files/secret/list': says('the list'),
  'PUT /files/*': says('written'),
};

/** What each request is answered, and how often it looked a route up. */
async function ask(requests: readonly (readonly [method: string, path: string])[]) {
  let lookups = 0;
  const counted = new Proxy(ROUTES, {
    get: (routes, key) => {
      lookups += 1;
      return Reflect.get(routes, key);
    },
  });
  const listener = serveRoutes(counted, () => {});
  lookups = 0;
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = Object(server.address()) as AddressInfo;
  const answers = await Promise.all(
    requests.map(async ([method, path]) => {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method });
      return [answer.status, await answer.text()] as const;
    }),
  );
  server.close();
  return { answers, lookups };
}

test.each([
  ['GET', '/', 200, 'the first page'],
  ['GET', '/files/', 200, 'a file'],
  ['GET', '/files/a/b?c=/d', 200, 'a file'],
  ['PUT', '/files/a', 200, 'written'],
  ['HEAD', '/files/a', 200, ''],
  ['GET', '/files/secret/a', 200, 'a secret file'],
  ['GET', '/files/secret/list', 200, 'the list'],
  ['GET', '/files/secret', 200, 'a file'],
])('%s %s is served by the longest route that it is below', async (method, path, status, text) => {
  expect((await ask([[method, path]])).answers).toEqual([[status, text]]);
});

test.each([
  ['GET', '/files'],
  ['GET', '/file/a'],
  ['POST', '/files/a'],
  ['GET', '//files/a'],
])('%s %s is served by none', async (method, path) => {
  const { answers } = await ask([[method, path]]);
  expect(answers).toEqual([[404, expect.stringContaining('not-found')]]);
});

test('a path of many parts is as little work as any other', async () => {
  const { answers, lookups } = await ask([['GET', '/'.repeat(10_000)]]);
  expect([answers[0]?.[0], lookups]).toEqual([404, 1]);
});
