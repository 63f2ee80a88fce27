import { fieldsOf, textOf } from '../model/github-json.ts';
import { type Check, fail, ok, warn } from './doctor.ts';
import { type Io, isTrouble } from './io.ts';
import type { Options } from './options.ts';
import { connectionOf, repoOf, serverOf } from './place.ts';
import { askServer, troubleOf } from './server.ts';

const ELSEWHERE = 'dstack doctor --server https://ADDRESS; or start the app here: dstack serve';

/** Where the app does not run: the way from here to it, and what it lets us do. */
export async function clientChecks(io: Io, options: Options): Promise<readonly Check[]> {
  const server = serverOf(io, options);
  if (typeof server !== 'string') return [fail('app', server.what, ELSEWHERE)];
  const about = await askServer(
    io,
    { server, token: '' },
    { method: 'GET', path: '/api/v1/about' },
  );
  if (isTrouble(about)) return [fail('app', about.what, ELSEWHERE)];
  if (about.status !== 200) {
    const { what, tries } = troubleOf(about);
    return [fail('app', `${server}: ${what}`, tries ?? 'ask whoever runs the app')];
  }
  const app = ok('app', `${server} answers, version ${textOf(about.body['version']) ?? '?'}`);
  return [app, ...(await signInChecks(io, options))];
}

async function signInChecks(io: Io, options: Options): Promise<readonly Check[]> {
  const to = await connectionOf(io, options);
  if (isTrouble(to)) return [fail('sign-in', to.what, to.tries ?? 'dstack login')];
  const repository = await repoOf(io, options);
  if (typeof repository !== 'string') {
    return [warn('repository', repository.what, 'dstack doctor --repo OWNER/NAME')];
  }
  const body = { repository, command: 'help' };
  const answer = await askServer(io, to, { method: 'POST', path: '/api/v1/command', body });
  if (isTrouble(answer)) return [fail('sign-in', answer.what, answer.tries ?? '')];
  if (answer.status === 200) {
    return [
      ok('sign-in', 'the app takes the token'),
      ok('repository', `${repository} has the App`),
    ];
  }
  const { what, tries } = troubleOf(answer);
  const { code } = fieldsOf(answer.body['error']);
  const isAboutRepo = code === 'not-installed' || code === 'repository' || code === 'permission';
  const name = isAboutRepo ? 'repository' : 'sign-in';
  return [fail(name, what, tries ?? 'see docs/reference.md, "Commands over HTTP"')];
}
