import { httpUrl, isLoopback } from '../lib/variable.ts';
import { fieldsOf, textOf } from '../model/github-json.ts';
import { EXIT, type Io, isTrouble, type Trouble } from './io.ts';
import { freshToken } from './refresh.ts';
import { askServer } from './server.ts';

// Which GitHub an app is of, and the tokens of that one: another's are none of the app's business.

export interface GitHub {
  readonly htmlUrl: URL;
  readonly apiUrl: string;
}

/** An app that does not say it is taken to be of the GitHub that is named here. */
export async function gitHubOf(io: Io, server: string): Promise<GitHub | Trouble> {
  const about = await askServer(
    io,
    { server, token: '' },
    { method: 'GET', path: '/api/v1/about' },
  );
  if (isTrouble(about)) return about;
  const said = fieldsOf(about.body['github']);
  const htmlUrl = httpUrl(textOf(said['htmlUrl']) ?? '');
  const apiUrl = textOf(said['apiUrl']);
  return htmlUrl && apiUrl ? { htmlUrl, apiUrl } : named(io);
}

function named({ env }: Io): GitHub {
  const host = env['GHE_HOST'];
  const url = host ? httpUrl(`${env['GHE_PROTOCOL'] || 'https'}://${host}`) : undefined;
  if (url) return { htmlUrl: url, apiUrl: `${url.origin}/api/v3` };
  return { htmlUrl: new URL('https://github.com'), apiUrl: 'https://api.github.com' };
}

/** As `gh` has it: GH_TOKEN is of github.com, GH_ENTERPRISE_TOKEN of any other. */
export async function tokenFor(io: Io, server: string): Promise<string | Trouble> {
  const gitHub = await gitHubOf(io, server);
  if (isTrouble(gitHub)) return gitHub;
  const { host } = gitHub.htmlUrl;
  const [good, other] =
    host === 'github.com'
      ? (['GH_TOKEN', 'GH_ENTERPRISE_TOKEN'] as const)
      : (['GH_ENTERPRISE_TOKEN', 'GH_TOKEN'] as const);
  // A GitHub on this machine is a model of it, and what it is shown stays here.
  const given = io.env[good] || (isLoopback(gitHub.htmlUrl) && io.env[other]);
  const token = given || (await freshToken(io, server)) || (await io.ghToken(host));
  if (token) return token;
  const exit = EXIT.signIn;
  if (!io.env[other]) {
    const what = `nobody is signed in to ${server}`;
    return { exit, what, tries: `dstack login --server ${server}` };
  }
  const what = `the app at ${server} is of ${host}, and ${other} is for another GitHub`;
  return { exit, what, tries: `dstack login --server ${server}, or ${good}` };
}
