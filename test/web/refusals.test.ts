import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type PeopleWorld, startPeopleWorld } from './people-world.ts';

// Whatever is refused at a door is counted, by the code that the answer has.

let world: PeopleWorld;
beforeAll(async () => {
  world = await startPeopleWorld();
});
afterAll(() => world.close());

const REGISTER = 'POST /runner/v1/register';
const EVENTS = 'POST /runner/v1/events';
const COMMAND = 'POST /api/v1/command';
const ACCOUNT = 'PUT /api/v1/accounts/repo-ID';
const LARGE = JSON.stringify('x'.repeat(300_000));

test.each([
  ['register', REGISTER, '{', 400, 'shape'],
  ['register', REGISTER, '[]', 400, 'shape'],
  ['register', REGISTER, '{}', 400, 'shape'],
  ['register', REGISTER, 'text', 415, 'content-type'],
  ['register', REGISTER, 'large', 413, 'too-large'],
  ['events', EVENTS, '{', 400, 'shape'],
  ['events', EVENTS, 'text', 415, 'content-type'],
  ['events', EVENTS, 'large', 413, 'too-large'],
  ['command', COMMAND, '{', 400, 'shape'],
  ['command', COMMAND, '{"command":"runners"}', 400, 'shape'],
  ['command', COMMAND, '{"repository":"acme/app"}', 400, 'shape'],
  ['command', COMMAND, 'text', 415, 'content-type'],
  ['accounts', ACCOUNT, '[]', 400, 'shape'],
  ['accounts', ACCOUNT, 'text', 415, 'content-type'],
])('%s: %s of %j is answered %i, and counted', async (what, route, body, status, code) => {
  const count = async () => {
    const text = await world.metrics();
    const [, value] = text.split(`dstack_refused_total{what="${what}",why="${code}"} `);
    return Number.parseInt(value ?? '0', 10);
  };
  const before = await count();
  const [method = '', path = ''] = route.replace('ID', String(world.repo.id)).split(' ');
  const answer = await fetch(`${world.appUrl}${path}`, {
    method,
    headers: {
      'content-type': body === 'text' ? 'text/plain' : 'application/json',
      authorization: `bearer ${world.signIn('acme')}`,
    },
    body: body === 'large' ? LARGE : body,
  });
  expect([answer.status, await answer.json()]).toMatchObject([status, { error: { code } }]);
  expect(await count()).toBe(before + 1);
});
