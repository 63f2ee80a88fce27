import { type Html, html } from '../lib/html.ts';
import type { Handler, Routes } from '../lib/http.ts';
import { failure } from '../lib/http.ts';
import type { Random } from '../lib/random.ts';
import type { Reply } from '../model/reply.ts';
import { healthz } from './health.ts';
import { page } from './page.ts';

// The page that registers the App, served while there is none. GitHub creates it from our manifest and
// sends the browser back with a code, which is traded once for the App's credentials.

export interface RegisteredApp {
  readonly id: number;
  readonly slug: string;
  readonly htmlUrl: string;
}

export interface SetupDeps {
  /** Where GitHub's form is: `https://github.com`, or the GHES. */
  readonly githubUrl: string;
  /** The manifest as JSON, or why it cannot be made. */
  readonly manifest: { readonly json: string } | { readonly problem: string };
  readonly registeredPath: string;
  readonly random: Random;
  /** Trades the code for credentials and keeps them; the answer is shown to the person. */
  readonly convert: (code: string) => Promise<Reply<RegisteredApp>>;
  /** The App is registered: the process may stop. */
  readonly onRegistered: () => void;
}

/** One state for each page that was shown; only the newest ones are honoured. */
const MOST_STATES = 20;

export function setupRoutes(deps: SetupDeps): Routes {
  const states: string[] = [];
  let registered: RegisteredApp | undefined;
  let turn: Promise<unknown> = Promise.resolve();

  const form: Handler = async ({ query }) => {
    if (registered) return page({ title: 'Registered', body: donePage(registered) });
    if ('problem' in deps.manifest) {
      return page({ title: 'Set up', status: 503, body: problemPage(deps.manifest.problem) });
    }
    const state = deps.random.hex(16);
    states.push(state);
    if (states.length > MOST_STATES) states.shift();
    const organization = ORGANIZATION.exec(query.get('organization') ?? '')?.[0] ?? '';
    const action = organization
      ? `${deps.githubUrl}/organizations/${organization}/settings/apps/new?state=${state}`
      : `${deps.githubUrl}/settings/apps/new?state=${state}`;
    return page({
      title: 'Set up dstack autoscale',
      body: formPage({ action, manifest: deps.manifest.json, organization }),
      formAction: `'self' ${new URL(deps.githubUrl).origin}`,
    });
  };

  const register: Handler = async ({ query }) => {
    const code = query.get('code') ?? '';
    const at = states.indexOf(query.get('state') ?? '');
    if (at < 0 || code === '' || code.length > 200) {
      const body = problemPage('This link was not made by this page, or it was used already.');
      return page({ title: 'Not registered', status: 400, body });
    }
    states.splice(at, 1);
    if (registered) {
      return page({ title: 'Not registered', status: 409, body: takenPage(registered) });
    }
    const app = await deps.convert(code);
    if (!app.ok) {
      const body = problemPage(`GitHub did not give the App's credentials: ${app.message}`);
      return page({ title: 'Not registered', status: 502, body });
    }
    registered = app.value;
    deps.onRegistered();
    return page({ title: 'Registered', body: donePage(registered) });
  };

  /** One after the other: the second one then sees whether the first has registered its App. */
  const back: Handler = (request) => {
    const answer = turn.then(() => register(request));
    turn = answer.catch(() => undefined);
    return answer;
  };

  const notYet: Handler = async () =>
    failure(503, 'not-set-up', 'the App is not registered yet; open / in a browser');
  return {
    'GET /': form,
    [`GET ${deps.registeredPath}`]: back,
    'GET /healthz': healthz,
    'GET /readyz': notYet,
    'POST /api/github/webhooks': notYet,
  };
}

/** A login of GitHub. */
const ORGANIZATION = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})$/;

const formPage = (of: { action: string; manifest: string; organization: string }): Html =>
  html`<h1>Set up dstack autoscale</h1>
<p class="lead">One step: GitHub registers an App of your own, with the permissions that this one uses.</p>
<ol><li>Press the button. GitHub shows the App's name and asks you to create it.</li>
<li>GitHub sends you back here; the credentials are written to <code>.env</code>, readable by you alone.</li>
<li>Install the App on your repositories, and start <code>npm start</code> again.</li></ol>
<form method="post" action="${of.action}"><input type="hidden" name="manifest" value="${of.manifest}">
<button>Register the App ${of.organization ? `for ${of.organization}` : 'for your account'}</button></form>
<section><form method="get" action="/"><label for="organization">For an organization instead:</label>
<input id="organization" name="organization" value="${of.organization}" placeholder="its login"> <input type="submit" value="Choose"></form></section>
<section><details><summary>What GitHub is asked for</summary><pre>${JSON.stringify(JSON.parse(of.manifest), null, 2)}</pre></details></section>`;

const donePage = ({ slug, htmlUrl }: RegisteredApp): Html =>
  html`<h1>${slug} is registered</h1>
<p class="lead">Its credentials are in <code>.env</code>. Two steps are left:</p>
<ol><li><a href="${htmlUrl}/installations/new">Install it</a> on the repositories whose jobs it shall run.</li>
<li>Stop this process with Ctrl-C and start <code>npm start</code> again.</li></ol>
<p>For <code>dstack login</code> on the command line, tick <b>Enable Device Flow</b> in the settings of the App, too: a page like this one cannot.</p>`;

/** Whoever else had opened the page could put an App of theirs in the place of the first one. */
const takenPage = ({ slug }: RegisteredApp): Html =>
  html`<h1>${slug} was registered first</h1>
<p class="lead bad">This page registers one App. Nothing of yours was kept.</p>
<p>The App that GitHub has just made for you is not used: delete it in its settings. If <b>${slug}</b> is not yours, delete
<code>APP_ID</code> and what came with it from <code>.env</code>, and start <code>npm start</code> again.</p>`;

const problemPage = (text: string): Html =>
  html`<h1>Set up dstack autoscale</h1><p class="lead bad">${text}</p><p><a href="/">Begin again</a></p>`;
