import { type Html, html } from '../lib/html.ts';
import type { Random } from '../lib/random.ts';
import { fieldsOf, textOf } from '../model/github-json.ts';
import type { App } from './github-app.ts';

// The part of GitHub where an App is registered from a manifest: a form's target, a page to confirm,
// and a code that is traded for the credentials, once. Whoever registers here gets the one App there is.
// https://docs.github.com/apps/sharing-github-apps/registering-a-github-app-from-a-manifest

export interface Setup {
  /** The page that the manifest's form leads to. */
  page(form: URLSearchParams, state: string | null): string;
  /** Where the browser goes when that page is confirmed; undefined for a manifest that is none. */
  confirm(form: URLSearchParams): string | undefined;
  /** The credentials, once and within the hour. */
  convert(code: string): App | undefined;
}

const CODE_MS = 3_600_000;
const CODES_LIMIT = 100;

const hidden = (name: string, value: string): Html =>
  html`<input type="hidden" name="${name}" value="${value}">`;

function parseManifest(text: string | null) {
  try {
    return fieldsOf(JSON.parse(text ?? ''));
  } catch {
    return {};
  }
}

export function createSetup(app: App, now: () => number, random: Random): Setup {
  const codes = new Map<string, number>();
  return {
    page(form, state) {
      const manifest = form.get('manifest') ?? '';
      const name = textOf(parseManifest(manifest)['name']) ?? app.slug;
      return html`<!doctype html><meta charset="utf-8"><title>Create GitHub App</title>
<h1>Create GitHub App</h1><p>${name}, on the sandbox's GitHub.</p>
<form method="post" action="/settings/apps/create">
${hidden('manifest', manifest)}${hidden('state', state ?? '')}
<button>Create GitHub App</button></form>`.text;
    },
    confirm(form) {
      const manifest = parseManifest(form.get('manifest'));
      const back = textOf(manifest['redirect_url']);
      if (back === undefined || !URL.canParse(back)) return undefined;
      app.hookUrl = textOf(fieldsOf(manifest['hook_attributes'])['url']);
      const code = random.hex(20);
      codes.set(code, now());
      const [oldest] = codes.keys();
      if (codes.size > CODES_LIMIT && oldest !== undefined) codes.delete(oldest);
      const to = new URL(back);
      to.searchParams.set('code', code);
      const state = form.get('state');
      if (state) to.searchParams.set('state', state);
      return to.href;
    },
    convert(code) {
      const madeAt = codes.get(code);
      codes.delete(code);
      return madeAt !== undefined && now() - madeAt <= CODE_MS ? app : undefined;
    },
  };
}
