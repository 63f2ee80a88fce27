import { chmodSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Loopback, listen } from '../../src/sandbox/loopback.ts';
import { createHome, type Home } from './process.ts';

// Which token an app is shown, by the GitHub that it names.

let home: Home;
let app: Loopback;
/** What the app says, and every token that it was shown. */
let gitHub: object;
let shown: (string | undefined)[];

beforeAll(async () => {
  app = await listen(
    createServer((request, response) => {
      if (request.url === '/api/v1/about') {
        response.end(JSON.stringify({ github: gitHub }));
        return;
      }
      shown.push(request.headers.authorization);
      response.end(JSON.stringify({ ok: true, text: 'done\n', data: {} }));
    }),
    0,
  );
  home = createHome({ DSTACK_SERVER: app.url });
  // The command line of GitHub, signed in everywhere.
  home.write('bin/gh', '#!/bin/sh\necho "gh-$4"\n');
  chmodSync(join(home.folder, 'bin', 'gh'), 0o755);
});
afterAll(async () => {
  home.remove();
  await app.close();
});

const GITHUB = { htmlUrl: 'https://github.com', apiUrl: 'https://api.github.com' };
const OWN = { htmlUrl: 'https://git.example', apiUrl: 'https://git.example/api/v3' };
/** A PATH on which there is no gh. */
const NO_GH = '/nonexistent';

function run(of: object, env: Readonly<Record<string, string>>) {
  gitHub = of;
  shown = [];
  return home.run(['runners', '--repo', 'acme/app'], env);
}

test.each<[string, object, Readonly<Record<string, string>>, string]>([
  ['GH_TOKEN an app of github.com', GITHUB, { GH_TOKEN: 'public' }, 'public'],
  ['GH_ENTERPRISE_TOKEN one of another', OWN, { GH_ENTERPRISE_TOKEN: 'own' }, 'own'],
  [
    'each its own, where both are set',
    OWN,
    { GH_TOKEN: 'public', GH_ENTERPRISE_TOKEN: 'own' },
    'own',
  ],
  ['DSTACK_TOKEN any', OWN, { DSTACK_TOKEN: 'any', GH_TOKEN: 'public' }, 'any'],
  ['gh for the host that the app names', OWN, {}, 'gh-git.example'],
  [
    'gh for github.com, whatever is named here',
    GITHUB,
    { GHE_HOST: 'git.example' },
    'gh-github.com',
  ],
  ['gh where GH_TOKEN is for another', OWN, { GH_TOKEN: 'public' }, 'gh-git.example'],
  [
    'by what is named here, where the app says nothing',
    {},
    { GHE_HOST: 'git.example' },
    'gh-git.example',
  ],
])('%s', async (_, of, env, token) => {
  const PATH = join(home.folder, 'bin');
  expect(await run(of, { ...env, PATH })).toMatchObject({ code: 0, stderr: '' });
  expect(shown).toEqual([`bearer ${token}`]);
});

test.each([
  ['GH_TOKEN', OWN, 'git.example', 'GH_ENTERPRISE_TOKEN'],
  ['GH_ENTERPRISE_TOKEN', GITHUB, 'github.com', 'GH_TOKEN'],
])('%s is not shown to an app of another GitHub', async (name, of, host, right) => {
  const said = await run(of, { [name]: 'secret', PATH: NO_GH });
  expect(said.code).toBe(4);
  expect(said.stderr).toBe(
    `error: the app at ${app.url} is of ${host}, and ${name} is for another GitHub\n` +
      `  try: dstack login --server ${app.url}, or ${right}\n`,
  );
  expect(shown).toEqual([]);
});
