import { Html, html } from '../lib/html.ts';
import type { Answer } from '../lib/http.ts';

/** No script runs and nothing is loaded from elsewhere; forms may go where the page says. */
const headers = (formAction: string) => ({
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'content-security-policy': `default-src 'none'; style-src 'unsafe-inline'; form-action ${formAction}; frame-ancestors 'none'; base-uri 'none'`,
});

const STYLE = `
:root { color-scheme: light dark; --line: light-dark(#d8dee4, #30363d); --dim: light-dark(#59636e, #9198a1);
  --good: light-dark(#1a7f37, #3fb950); --warm: light-dark(#9a6700, #d29922); --bad: light-dark(#cf222e, #f85149); }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 68rem; }
h1 { font-size: 1.35rem; margin: 0 0 .25rem; } h2 { font-size: 1rem; margin: 2rem 0 .5rem; }
p { margin: .25rem 0 1rem; } .dim { color: var(--dim); } .num { text-align: right; font-variant-numeric: tabular-nums; }
.lead { font-size: 1.05rem; } .good { color: var(--good); } .warm { color: var(--warm); } .bad { color: var(--bad); }
table { border-collapse: collapse; width: 100%; } caption { text-align: left; padding: 0 0 .4rem; font-weight: 600; }
th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 500; color: var(--dim); font-size: .85rem; } section { margin-top: 2rem; overflow-x: auto; }
code, pre { font: .9em ui-monospace, monospace; } pre { padding: .75rem 1rem; border: 1px solid var(--line); border-radius: 6px; overflow-x: auto; }
input, button { font: inherit; padding: .45rem .8rem; border: 1px solid var(--line); border-radius: 6px; }
button { background: var(--good); color: light-dark(#fff, #0d1117); border-color: transparent; font-weight: 600; cursor: pointer; }
label { display: block; margin: .75rem 0 .25rem; } ol li { margin: .4rem 0; }
`;

/** A whole page. It is complete without a script; `refreshSeconds` reloads it. */
export function page(of: {
  readonly title: string;
  readonly body: Html;
  readonly status?: number;
  readonly refreshSeconds?: number;
  /** Where its forms may go, for the content security policy. */
  readonly formAction?: string;
}): Answer {
  const refresh = of.refreshSeconds
    ? html`<meta http-equiv="refresh" content="${of.refreshSeconds}">`
    : '';
  const document = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${of.title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">${refresh}
<style>${style}</style></head><body>${of.body}</body></html>
`;
  return {
    status: of.status ?? 200,
    headers: headers(of.formAction ?? "'none'"),
    body: document.text,
  };
}

/** Ours, so it goes in as it is: escaping would spoil it. */
const style = new Html(STYLE);
