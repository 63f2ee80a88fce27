// A GitHub that says what it is told to, over real HTTP, and remembers what it was asked. Whatever is
// sent to it is held against GitHub's own description when it stops.
import { generateKeyPairSync } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import { expect } from '@jest/globals';
import { createGitHub } from '../../src/github/github.ts';
import type { GitHub, RepoRef, Talk } from '../../src/github/port.ts';
import type { Clock, Instant } from '../../src/lib/clock.ts';
import { isoOf } from '../../src/lib/instant.ts';
import { silentLog } from '../../src/lib/log.ts';
import { openApiProblems } from './openapi.ts';

export const NOW = Date.UTC(2026, 10, 24, 12);
export const REPO: RepoRef = { id: 31, owner: 'octo', name: 'hello', installation: 7 };
export const SETTINGS_URL = 'https://github.example/settings/apps/dstack';
export const PATH = '/repos/octo/hello';
export const MINT = 'POST /app/installations/7/access_tokens';

export interface ManualClock extends Clock {
  /** Lets time pass; who sleeps until then wakes. */
  pass(ms: number): void;
}

export function manualClock(start: Instant = NOW): ManualClock {
  let now = start;
  const sleepers = new Set<{ until: Instant; wake: () => void }>();
  return {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((wake) => {
        const sleeper = { until: now + ms, wake };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', () => {
          sleepers.delete(sleeper);
          wake();
        });
      }),
    pass(ms) {
      now += ms;
      for (const sleeper of sleepers) {
        if (sleeper.until > now) continue;
        sleepers.delete(sleeper);
        sleeper.wake();
      }
    },
  };
}

export interface Sent {
  readonly route: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
}

/** `never`: no answer comes. `reset`: the connection breaks. */
export type Told =
  | 'never'
  | 'reset'
  | {
      readonly status: number;
      readonly headers?: object;
      readonly body?: unknown;
      readonly text?: string;
    };

/** One answer for all times, several in turn (the last stays), or one made for each request. */
type Script = Told | readonly Told[] | ((sent: Sent) => Told);

export interface Wire {
  readonly github: GitHub & Talk;
  readonly clock: ManualClock;
  readonly url: string;
  readonly sent: readonly Sent[];
  on(route: string, script: Script): void;
  to(route: string): readonly Sent[];
  /** Resolves when something was asked for at that route. */
  asked(route: string): Promise<void>;
  stop(): Promise<void>;
}

const { privateKey, publicKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
});

export { publicKey };

export async function startWire(): Promise<Wire> {
  const clock = manualClock();
  const sent: Sent[] = [];
  const scripts = new Map<string, Script>();
  const turns = new Map<string, number>();
  const waiting = new Map<string, () => void>();

  function told(request: Sent): Told {
    const script = scripts.get(request.route);
    if (script === undefined) return { status: 404, body: { message: 'Not Found' } };
    if (typeof script === 'function') return script(request);
    if (typeof script === 'string' || 'status' in script) return script;
    const turn = turns.get(request.route) ?? 0;
    turns.set(request.route, turn + 1);
    return script[Math.min(turn, script.length - 1)] ?? { status: 500 };
  }

  const server = createServer(async (req, res) => {
    const request = await read(req);
    sent.push(request);
    const answer = told(request);
    waiting.get(request.route)?.();
    if (answer === 'never') return;
    if (answer === 'reset') return void res.destroy();
    const type = answer.text === undefined ? 'application/json; charset=utf-8' : 'text/html';
    res.writeHead(answer.status, { 'content-type': type, ...answer.headers });
    res.end(answer.text ?? (answer.body === undefined ? '' : JSON.stringify(answer.body)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  const on = (route: string, script: Script) => void scripts.set(route, script);
  on(MINT, mintTokens(clock));
  return {
    github: createGitHub({
      appId: '4711',
      privateKey,
      apiUrl: url,
      clock,
      log: silentLog,
      userAgent: 'dstack-test',
      settingsUrl: SETTINGS_URL,
    }),
    clock,
    url,
    sent,
    on,
    to: (route) => sent.filter((request) => request.route === route),
    asked: (route) => new Promise((resolve) => void waiting.set(route, resolve)),
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      expect(sent.flatMap(requestProblems)).toEqual([]);
    },
  };
}

/** `token-1`, `token-2`, … each good for an hour. */
function mintTokens(clock: Clock): (sent: Sent) => Told {
  let minted = 0;
  return () => {
    minted += 1;
    const expires_at = isoOf(clock.now() + 3_600_000);
    return { status: 201, body: { token: `token-${minted}`, expires_at } };
  };
}

async function read(req: IncomingMessage): Promise<Sent> {
  const parts: Buffer[] = [];
  for await (const part of req) parts.push(part);
  const text = Buffer.concat(parts).toString();
  const url = new URL(req.url ?? '/', 'http://github');
  return {
    route: `${req.method} ${decodeURIComponent(url.pathname)}`,
    path: req.url ?? '/',
    query: Object.fromEntries(url.searchParams),
    headers: req.headers,
    body: text === '' ? undefined : JSON.parse(text),
  };
}

/** Of the request only: the scripted answers say as little as a test needs. */
function requestProblems({ route, path, body }: Sent): readonly string[] {
  const method = route.split(' ')[0] ?? '';
  const problems = openApiProblems({ method, path, requestBody: body, status: 200 });
  return problems.filter((problem) => !/: (?:answer|status)/.test(problem));
}

/** The Link header of a list that goes on. */
export const next = (url: string, query: string) => ({ link: `<${url}/?${query}>; rel="next"` });
