import { Counter, Gauge, Registry } from 'prom-client';
import { type Answer, failure, type Handler } from '../lib/http.ts';
import type { Secret } from '../lib/secret.ts';
import type { Store } from '../store/port.ts';

// web: what people and their tools look at. Decides nothing and calls nothing outside.

export interface Metrics {
  /** A refusal at a door: `webhook`, `register`, `events`. */
  refused(what: string, why: string): void;
  readonly handler: Handler;
}

const RECENT = 1_000;

/** Prometheus' text format; with a token it must be shown as a bearer. */
export function createMetrics(deps: {
  readonly store: Pick<Store, 'recentJobs' | 'recentInstances'>;
  readonly token: Secret | null;
}): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const refusals = new Counter({
    name: 'dstack_refused_total',
    help: 'Requests that were refused or ignored, by door and reason.',
    labelNames: ['what', 'why'],
    registers,
  });
  const jobs = new Gauge({
    name: 'dstack_jobs',
    help: 'Jobs among the newest 1,000, by state.',
    labelNames: ['state'],
    registers,
  });
  const instances = new Gauge({
    name: 'dstack_instances',
    help: 'Instances among the newest 1,000, by state.',
    labelNames: ['state'],
    registers,
  });

  async function scrape(): Promise<Answer> {
    const [jobRows, instanceRows] = await Promise.all([
      deps.store.recentJobs(RECENT),
      deps.store.recentInstances(RECENT),
    ]);
    jobs.reset();
    instances.reset();
    for (const { state } of jobRows) jobs.inc({ state });
    for (const { state } of instanceRows) instances.inc({ state });
    const text = await registry.metrics();
    return { status: 200, headers: { 'content-type': registry.contentType }, body: text };
  }

  return {
    refused: (what, why) => refusals.inc({ what, why }),
    handler: async ({ headers }) => {
      const isAllowed =
        deps.token === null || headers.authorization === `Bearer ${deps.token.reveal()}`;
      return isAllowed ? scrape() : failure(401, 'token', 'show DSTACK_METRICS_TOKEN as a bearer');
    },
  };
}
