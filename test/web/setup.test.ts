import { expect, test } from '@jest/globals';
import type { Answer } from '../../src/lib/http.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { done, type Reply } from '../../src/model/reply.ts';
import { type RegisteredApp, setupRoutes } from '../../src/web/setup.ts';

const appOf = (slug: string): RegisteredApp => ({
  id: 1,
  slug,
  htmlUrl: 'https://github.com/apps/a',
});

/** The page, and what people's browsers do with it; `kept` is whose code was traded. */
function startSetup(
  convert = async (code: string): Promise<Reply<RegisteredApp>> => done(appOf(code)),
) {
  const kept: string[] = [];
  const routes = setupRoutes({
    githubUrl: 'https://github.com',
    manifest: { json: '{}' },
    registeredPath: '/registered',
    random: systemRandom,
    convert: (code) => {
      kept.push(code);
      return convert(code);
    },
    onRegistered: () => {},
  });
  const visit = async (path: string): Promise<Answer> => {
    const [at, query] = path.split('?');
    const answer = await routes[`GET ${at}`]?.({
      method: 'GET',
      path: at ?? '',
      query: new URLSearchParams(query),
      headers: {},
      address: '127.0.0.1',
      body: async () => Buffer.alloc(0),
    });
    if (!answer) throw new Error(`nothing is served at ${path}`);
    return answer;
  };
  const open = async () => /state=([0-9a-f]+)/.exec(String((await visit('/')).body))?.[1] ?? '';
  const back = (state: string, code: string) => visit(`/registered?state=${state}&code=${code}`);
  return { kept, visit, open, back };
}

test('whoever opened the page before the App was registered cannot put another in its place', async () => {
  const { kept, visit, open, back } = startSetup();
  const [other, own] = [await open(), await open()];
  expect((await back(own, 'own')).status).toBe(200);
  const late = await back(other, 'other');
  expect(late.status).toBe(409);
  expect(late.body).toContain('Nothing of yours was kept');
  const again = await back(own, 'own');
  expect(again.status).toBe(400);
  expect(again.body).toContain('used already');
  expect(kept).toEqual(['own']);
  expect((await visit('/')).body).toContain('own is registered');
});

test('of two who come back at the same time, one registers', async () => {
  const trade = Promise.withResolvers<Reply<RegisteredApp>>();
  const { kept, open, back } = startSetup(() => trade.promise);
  const both = [back(await open(), 'one'), back(await open(), 'two')];
  trade.resolve(done(appOf('one')));
  expect((await Promise.all(both)).map(({ status }) => status)).toEqual([200, 409]);
  expect(kept).toEqual(['one']);
});

test('a code that GitHub does not know keeps nobody from registering', async () => {
  const { open, back } = startSetup(async (code) =>
    code === 'bad'
      ? { ok: false, reason: 'missing', code: '404', message: 'no' }
      : done(appOf(code)),
  );
  expect((await back(await open(), 'bad')).status).toBe(502);
  expect((await back(await open(), 'good')).status).toBe(200);
});
