import type { AccountDesk } from './accounts/port.ts';
import { countWrites } from './act/calls.ts';
import { createRegionOf } from './act/default-region.ts';
import { createForkJudge } from './act/forks.ts';
import { DEFAULT_MAX_DURATION_MS, lookAround } from './act/look.ts';
import { createRulesOf } from './act/read-rules.ts';
import { runLine } from './act/run-command.ts';
import type { Sts } from './ec2/port.ts';
import { createEvents } from './gateway/events.ts';
import { createRegister, type Terms } from './gateway/register.ts';
import type { GitHub, Talk, Users, Visitors, Workflows } from './github/port.ts';
import { type Answer, jsonObject, type Routes } from './lib/http.ts';
import type { Secret } from './lib/secret.ts';
import { createLoop, type Loop, type LoopDeps } from './loop.ts';
import type { ScopeId } from './model/ids.ts';
import type { Instance } from './model/launch.ts';
import { createMeter, type Meter } from './model/meter.ts';
import type { World } from './model/world.ts';
import { labelsFor, nextLabels } from './plan/plan.ts';
import { rulesSchema } from './rules/schema.ts';
import { type About, aboutRoutes } from './web/about.ts';
import { accountRoutes } from './web/accounts-api.ts';
import { commandRoutes } from './web/command-api.ts';
import { createReadyz, healthz } from './web/health.ts';
import { createHome } from './web/home.ts';
import { createMetrics, type Metrics } from './web/metrics.ts';
import { openApiRoutes } from './web/openapi.ts';
import { createListener } from './webhook/listener.ts';

// app: a table of routes and the functions behind them. The two roots, main.ts and demo.ts, differ
// only in what they hand in.

type Made = 'startedAt' | 'rulesOf' | 'regionOf' | 'judgeFork' | 'healing' | 'meters';

export interface AppDeps extends Omit<LoopDeps, Made> {
  /** GitHub for the healings, and where its calls are counted; left out: they have no budget. */
  readonly healing?: GitHub;
  readonly meter?: Meter;
  readonly sts: Sts;
  readonly webhookSecret: Secret;
  /** Where people come in over HTTP; left out where there is one world only. */
  readonly people?: {
    readonly desk: AccountDesk;
    readonly users: Users | null;
    readonly visitors: Visitors;
    /** null: the app has no PUBLIC_URL that a token could be for. */
    readonly workflows: Workflows | null;
    readonly talk: Talk;
    readonly about: About;
  };
  readonly metricsToken: Secret | null;
  /** The host that machines prove themselves to; '' matches no proof. */
  readonly audience: string;
  /** What machines fetch and run. */
  readonly daemon: Buffer;
  /** The first page names repositories and jobs: only where everybody may see them. */
  readonly isHomeOpen: boolean;
}

export interface App {
  readonly routes: Routes;
  readonly loop: Loop;
  /** The gateway without HTTP, for machines in the same process. */
  register(body: unknown): Promise<Answer>;
  events(session: string | undefined, body: unknown): Promise<Answer>;
}

export function createApp(given: AppDeps): App {
  const ec2 = createMeter(given.clock);
  const deps = {
    ...given,
    accounts: countWrites(given.accounts, ec2),
    startedAt: given.clock.now(),
    healing: given.healing ?? given.github,
    ...(given.meter && { meters: { github: given.meter, ec2 } }),
    rulesOf: createRulesOf(),
    regionOf: createRegionOf(given),
    judgeFork: createForkJudge(given),
    ...(given.people && { forgetAccount: forgetBy(given.people.desk) }),
  };
  const { store, metricsToken: token } = deps;
  const metrics = createMetrics({ store, token });
  const loop = createLoop(deps);
  const refusedAt = (what: string) => (why: string) => metrics.refused(what, why);
  const { register, events } = createGateway(deps, { loop, refusedAt });
  const webhook = createListener({
    ...deps,
    secret: deps.webhookSecret,
    label: deps.settings.label,
    count: refusedAt('webhook'),
    onFresh: loop.take,
  });
  const daemonHeaders = { 'content-type': 'text/javascript; charset=utf-8' };
  const routes: Routes = {
    'POST /api/github/webhooks': webhook,
    'GET /runner/v1/dstack-runner.mjs': async () => ({
      status: 200,
      headers: daemonHeaders,
      body: deps.daemon,
    }),
    'POST /runner/v1/register': async (request) => {
      const body = await jsonObject(request, REGISTER_LIMIT_BYTES, refusedAt('register'));
      return body.ok ? register(body.value) : body.answer;
    },
    'POST /runner/v1/events': async (request) => {
      const body = await jsonObject(request, EVENTS_LIMIT_BYTES, refusedAt('events'));
      const session = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
      return body.ok ? events(session, body.value) : body.answer;
    },
    ...(deps.people && accountsDoor(deps, deps.people, metrics)),
    ...(deps.people && commandDoor(deps, deps.people, { metrics, loop })),
    ...(deps.people && aboutRoutes(deps.people.about)),
    ...openApiRoutes,
    'GET /schema/dstack.json': async () => ({ status: 200, body: rulesSchema }),
    'GET /healthz': healthz,
    'GET /readyz': createReadyz({ isReady: loop.isReady, ping: () => store.fact('ping') }),
    'GET /metrics': metrics.handler,
    'GET /': createHome({ store, clock: deps.clock, isOpen: deps.isHomeOpen }),
  };
  return { routes, loop, register, events };
}

/** It is refused while machines run: only with it can they be seen and ended. */
const forgetBy = (desk: AccountDesk) => async (scope: ScopeId) => {
  const cleared = await desk.clear(scope, { force: false });
  return cleared.ok || cleared.code === 'none';
};

const accountsDoor = (
  { github, store, clock, log, settings }: AppDeps,
  people: NonNullable<AppDeps['people']>,
  metrics: Pick<Metrics, 'refused'>,
): Routes =>
  accountRoutes({
    ...people,
    github: { ...github, permission: people.talk.permission },
    ...{ store, clock, log },
    publicUrl: settings.publicUrl,
    refused: (why) => metrics.refused('accounts', why),
  });

const commandDoor = (
  deps: AppDeps & LoopDeps,
  { talk, visitors, workflows }: NonNullable<AppDeps['people']>,
  { metrics, loop }: { readonly metrics: Pick<Metrics, 'refused'>; readonly loop: Loop },
): Routes =>
  commandRoutes({
    ...deps,
    visitors,
    workflows,
    github: talk,
    htmlUrl: deps.settings.htmlUrl,
    publicUrl: deps.settings.publicUrl,
    refused: (why) => metrics.refused('command', why),
    run: (caller, line) => runLine({ ...deps, talk, settled: loop.settled }, caller, line),
  });

/** A repository's own file has no say in a machine that others may be using. */
const maxDurationOf = (world: World | undefined, { repo, runnerGroup }: Instance): number =>
  (runnerGroup === null
    ? world?.repos.find(({ id }) => id === repo)?.own?.maxDurationMs
    : undefined) ??
  world?.limits.maxDurationMs ??
  DEFAULT_MAX_DURATION_MS;

const REGISTER_LIMIT_BYTES = 64 * 1024;
const EVENTS_LIMIT_BYTES = 256 * 1024;

function createGateway(
  deps: AppDeps & LoopDeps,
  of: { readonly loop: Loop; readonly refusedAt: (what: string) => (why: string) => void },
) {
  async function termsFor(instance: Instance): Promise<Terms> {
    const { scope, repo, key, runnerGroup } = instance;
    const rows = await deps.store.scopeRows(scope);
    const sight = await lookAround(deps, rows);
    return {
      labels: sight ? labelsFor(sight.world, key, deps.clock.now()) : [],
      maxDurationMs: maxDurationOf(sight?.world, instance),
      // In a group any of them may send its jobs.
      areForksFine: (runnerGroup === null ? [repo] : [repo, ...(sight?.own.keys() ?? [])]).every(
        (one) => sight?.allowsForks(one) ?? false,
      ),
      reuses: sight?.inForce?.reuse === 'workflow' && runnerGroup === null,
    };
  }
  async function nextFor({ scope, key }: Instance) {
    const rows = await deps.store.scopeRows(scope);
    const sight = await lookAround(deps, rows);
    return sight ? nextLabels(sight.world, key, deps.clock.now()) : null;
  }
  const gateway = {
    ...deps,
    nextLabels: nextFor,
    registerTimeoutMs: deps.settings.registerTimeoutMs,
    resyncMs: deps.settings.resyncMs,
    wake: of.loop.wake,
    look: of.loop.look,
    termsFor,
  };
  return {
    register: createRegister({ ...gateway, refused: of.refusedAt('register') }),
    events: createEvents({ ...gateway, refused: of.refusedAt('events') }),
  };
}
