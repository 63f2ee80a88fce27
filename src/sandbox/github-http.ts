import { createServer } from 'node:http';
import type { Clock } from '../lib/clock.ts';
import { type Answer, type Handler, type Request, serveRoutes } from '../lib/http.ts';
import type { Random } from '../lib/random.ts';
import { ARCHIVE_PATH, createGitHubModel, type GitHubModel } from './github.ts';
import { type App, createApp, createTokens, generateKey, type Token } from './github-app.ts';
import { appJson } from './github-app-routes.ts';
import { createDevice, type Device } from './github-device.ts';
import type { HookCall, HookFault } from './github-hooks.ts';
import { createOidc, type Oidc } from './github-oidc.ts';
import { answerRest, type RestDeps, type RestFault } from './github-rest.ts';
import { createWorld, inputOf } from './github-route.ts';
import { createRunnerService, type RunnerService } from './github-runner-service.ts';
import { HOOK_TIMEOUT_MS, sendWebhook } from './github-sender.ts';
import { createSetup, type Setup } from './github-setup.ts';
import type { GitHubKnobs } from './github-state.ts';
import { createUserTokens, type TokenKind } from './github-user-tokens.ts';
import type { Kernel } from './kernel.ts';
import { listen } from './loopback.ts';

// GitHub's face of the sandbox, on one loopback port: REST under /api/v3 as GHES has it, the runners'
// service, the runner's archive, the page that registers an App, and webhooks that go out.

export interface GitHubHttpDeps {
  readonly kernel: Kernel;
  readonly random: Random;
  /** The callers' clock: it dates their tokens. */
  readonly clock: Clock;
  /** The machine's, for what waits on real processes. */
  readonly real: Clock;
  /** World's time by the machine's. */
  readonly speed?: number;
  /** A runner process not heard of for so long is dead. */
  readonly silentMs?: number;
  readonly port?: number;
  /** How often a command line may ask whether its code was typed. */
  readonly deviceIntervalS?: number;
  /** The App's, as PEM; by default a new one. */
  readonly privateKey?: string;
  /** The addresses are the server's own. */
  readonly knobs?: Partial<Omit<GitHubKnobs, 'url' | 'serviceUrl'>>;
  readonly hookFault?: (call: HookCall) => HookFault | undefined;
  readonly fault?: (route: string) => RestFault | undefined;
}

export interface GitHubHttp {
  /** `GHE_HOST` is its host; REST is under `/api/v3`. */
  readonly url: string;
  readonly model: GitHubModel;
  readonly app: App;
  /** Every token that was given out. */
  readonly minted: readonly Token[];
  /** A person's token, as the App would get it, or of another kind. */
  signIn(login: string, kind?: TokenKind): string;
  /** Who signs the tokens of workflows. */
  readonly oidc: Oidc;
  /** How people sign in from a command line. */
  readonly device: Device;
  close(): Promise<void>;
}

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
/** A file of the largest size that is shown, in base64. */
const BODY_LIMIT_BYTES = 1_500_000;
const SWEEP_MS = 1_000;
const SILENT_MS = 10_000;
const RUNNER_PATH = '/_runner/';

const html = (body: string): Answer => ({
  status: 200,
  headers: { 'content-type': 'text/html; charset=utf-8' },
  body,
});

/** The browser's part of registering an App. */
function answerSetup(setup: Setup, request: Request, body: Buffer): Answer | undefined {
  const form = new URLSearchParams(body.toString());
  if (/^\/(?:organizations\/[^/]+\/)?settings\/apps\/new$/.test(request.path)) {
    return html(setup.page(form, request.query.get('state')));
  }
  if (request.path !== '/settings/apps/create') return undefined;
  const location = setup.confirm(form);
  return location === undefined ? { status: 422 } : { status: 302, headers: { location } };
}

function answerConversion({ world }: RestDeps, setup: Setup, code: string): Answer {
  const app = setup.convert(code);
  if (app === undefined) return { status: 404, body: { message: 'Not Found' } };
  return {
    status: 201,
    body: {
      ...appJson(world),
      client_secret: app.clientSecret,
      webhook_secret: app.webhookSecret,
      pem: app.pem,
    },
  };
}

interface Face {
  readonly setup: Setup;
  readonly service: RunnerService;
  readonly rest: RestDeps;
  readonly oidc: Oidc;
  readonly device: Device;
}

function createHandler({ setup, service, rest, oidc, device }: Face): Handler {
  const { model } = rest.world;
  return async (request) => {
    const body = await request.body(BODY_LIMIT_BYTES);
    if (!Buffer.isBuffer(body)) return { status: 413 };
    const { path, method } = request;
    if (path === ARCHIVE_PATH) {
      const headers = { 'content-type': 'application/gzip' };
      return { status: 200, headers, body: model.archive().bytes };
    }
    if (path.startsWith(RUNNER_PATH)) {
      return service.answer(path.slice(RUNNER_PATH.length), inputOf(body));
    }
    const signed = oidc.answer(request) ?? device.serve(request, body);
    if (signed !== undefined) return signed;
    const page = method === 'POST' ? answerSetup(setup, request, body) : undefined;
    if (page !== undefined) return page;
    const code = /^\/api\/v3\/app-manifests\/([^/]+)\/conversions$/.exec(path)?.[1];
    if (code !== undefined) return answerConversion(rest, setup, code);
    return model.state.kernel.visit('rest', () => answerRest(rest, request, body));
  };
}

/** Makes its model itself: what GitHub says carries its own address. */
export async function serveGitHub(deps: GitHubHttpDeps): Promise<GitHubHttp> {
  const { kernel, random, clock, real, speed = 1, silentMs = SILENT_MS } = deps;
  const server = createServer();
  const { url, close } = await listen(server, deps.port);
  const model = createGitHubModel(kernel, {
    // A receiver's ten seconds are the machine's, not the world's.
    hookTimeoutMs: 2 * HOOK_TIMEOUT_MS * speed,
    ...deps.knobs,
    ...(deps.hookFault === undefined ? {} : { hookFault: deps.hookFault }),
    url,
    serviceUrl: `${url}${RUNNER_PATH.slice(0, -1)}`,
  });
  const app = createApp(model.state.knobs, random, deps.privateKey ?? generateKey());
  const tokens = createTokens(model.state, clock);
  const users = createUserTokens(model.state);
  const service = createRunnerService({ model, real, speed, silentMs });
  const oidc = createOidc({ url, clock, random });
  const device = createDevice({ app, users, clock, random, url, intervalS: deps.deviceIntervalS });
  const face = {
    oidc,
    device,
    setup: createSetup(app, () => clock.now(), random),
    service,
    rest: {
      world: createWorld({ model, app, tokens, users }),
      clock,
      fault: deps.fault ?? (() => undefined),
    },
  };
  const handle = createHandler(face);
  const routes = Object.fromEntries(METHODS.map((method) => [`${method} /*`, handle]));
  server.on(
    'request',
    serveRoutes(routes, (error, path) => kernel.trace(`github: ${path} broke: ${String(error)}`)),
  );
  model.onWebhook((hook, answer) => {
    void sendWebhook({ app, real, fetch: globalThis.fetch }, hook).then((status) =>
      kernel.visit('hook answered', () => answer(status)),
    );
  });
  const stop = new AbortController();
  const sweeping = sweepUntil(stop.signal, service, real);
  return {
    url,
    model,
    app,
    minted: tokens.minted,
    signIn: users.issue,
    oidc,
    device,
    async close() {
      stop.abort();
      await sweeping;
      await close();
    },
  };
}

async function sweepUntil(stop: AbortSignal, service: RunnerService, real: Clock): Promise<void> {
  while (!stop.aborted) {
    await real.sleep(SWEEP_MS, stop);
    if (!stop.aborted) await service.sweep();
  }
}
