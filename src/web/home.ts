import type { Clock, Instant } from '../lib/clock.ts';
import { type Html, html } from '../lib/html.ts';
import type { Handler } from '../lib/http.ts';
import { isoOf } from '../lib/instant.ts';
import { costUsd } from '../model/cost.ts';
import type { Job } from '../model/job.ts';
import type { Instance } from '../model/launch.ts';
import type { Store } from '../store/port.ts';
import { page } from './page.ts';

export interface HomeDeps {
  readonly store: Pick<Store, 'recentJobs' | 'recentInstances'>;
  readonly clock: Clock;
  /** Repositories and jobs have names: they are shown only where everybody may see them. */
  readonly isOpen: boolean;
}

const ROWS = 200;
const SHOWN = 15;

/** The first page: what waits and why, what runs, what it costs. */
export function createHome({ store, clock, isOpen }: HomeDeps): Handler {
  return async () => {
    if (!isOpen) return page({ title: 'dstack autoscale', body: CLOSED });
    const [jobs, instances] = await Promise.all([
      store.recentJobs(ROWS),
      store.recentInstances(ROWS),
    ]);
    const body = overview({ jobs, instances, now: clock.now() });
    return page({ title: 'dstack autoscale', body, refreshSeconds: 2 });
  };
}

const CLOSED = html`<h1>dstack autoscale</h1>
<p>It runs. Jobs ask for a machine with <code>runs-on: dstack</code>; what may run is said in
<code>.github/dstack.yml</code> of each repository.</p>
<p class="dim"><a href="/readyz">/readyz</a> says whether it can work, <a href="/metrics">/metrics</a>
what it did.</p>`;

interface Seen {
  readonly jobs: readonly Job[];
  readonly instances: readonly Instance[];
  readonly now: Instant;
}

export function overview({ jobs, instances, now }: Seen): Html {
  const waiting = jobs.filter((job) => job.state === 'queued');
  const running = jobs.filter((job) => job.state === 'in_progress');
  const live = instances.filter((one) => one.state !== 'gone');
  const spent = instances.reduce((sum, one) => sum + costUsd(one, { from: 0, to: now }), 0);
  const done = jobs.filter((job) => job.state === 'completed').length;
  return html`<h1>dstack autoscale</h1>
<p class="lead">${sentence(waiting, live)}</p>
<p class="dim">${running.length} running · ${done} done · ${live.length} machines live ·
$${spent.toFixed(4)} spent on these machines · as of ${clockTime(now)} UTC</p>
${waiting.length > 0 && waitingTable(waiting)}
${machinesTable(instances, { jobs, now })}
${jobsTable([...running, ...jobs.filter((job) => job.state === 'completed')])}`;
}

function sentence(waiting: readonly Job[], live: readonly Instance[]): string {
  const [oldest] = [...waiting].sort((a, b) => a.queuedAt - b.queuedAt);
  if (!oldest) return live.length > 0 ? 'No job waits.' : 'No job waits, and nothing runs.';
  const why = oldest.reason ? `: ${oldest.reason.text}` : '.';
  return `${waiting.length} ${waiting.length === 1 ? 'job waits' : 'jobs wait'}. The oldest, ${oldest.name}${why}`;
}

const clockTime = (at: Instant | null) => (at === null ? '–' : isoOf(at).slice(11, 19));

const more = (count: number, columns: number) =>
  count > SHOWN &&
  html`<tr><td class="dim" colspan="${columns}">and ${count - SHOWN} more</td></tr>`;

const waitingTable = (jobs: readonly Job[]) => html`<section><table>
<caption>Waiting</caption>
<thead><tr><th scope="col">Job</th><th scope="col">Since</th><th scope="col">Wants</th><th scope="col">Reason</th></tr></thead>
<tbody>${jobs.slice(0, SHOWN).map(
  (job) => html`<tr><td>${job.name}</td><td>${clockTime(job.queuedAt)}</td>
<td class="dim">${job.labels.join(' ')}</td><td>${job.reason?.text ?? 'not looked at yet'}</td></tr>`,
)}${more(jobs.length, 4)}</tbody></table></section>`;

const STATE_CLASS: Readonly<Record<Instance['state'], string>> = {
  requested: 'warm',
  pending: 'warm',
  online: 'warm',
  busy: 'good',
  ending: 'dim',
  gone: 'dim',
};

function machinesTable(
  instances: readonly Instance[],
  { jobs, now }: { jobs: readonly Job[]; now: Instant },
): Html {
  const jobOf = new Map(jobs.map((job) => [job.runnerName, job]));
  return html`<section><table>
<caption>Machines</caption>
<thead><tr><th scope="col">Machine</th><th scope="col">Type</th><th scope="col">Zone</th><th scope="col">State</th>
<th scope="col">Job</th><th scope="col">Started</th><th scope="col" class="num">Cost</th></tr></thead>
<tbody>${instances.slice(0, SHOWN).map(
    (
      one,
    ) => html`<tr><td><code>${one.id ?? 'asked for'}</code></td><td>${one.type} ${one.market}</td>
<td>${one.zone}</td><td class="${STATE_CLASS[one.state]}">${one.state}${one.reason && html`<span class="dim"> · ${one.reason}</span>`}</td>
<td>${(one.runnerName && jobOf.get(one.runnerName)?.name) ?? '–'}</td><td>${clockTime(one.launchedAt)}</td>
<td class="num">$${costUsd(one, { from: 0, to: now }).toFixed(4)}</td></tr>`,
  )}${more(instances.length, 7)}</tbody></table></section>`;
}

const jobsTable = (jobs: readonly Job[]) => html`<section><table>
<caption>Jobs</caption>
<thead><tr><th scope="col">Job</th><th scope="col">State</th><th scope="col">Queued</th><th scope="col" class="num">Waited</th>
<th scope="col" class="num">Ran</th></tr></thead>
<tbody>${jobs.slice(0, SHOWN).map(
  (job) => html`<tr><td>${job.name}</td>
<td class="${job.conclusion === 'success' ? 'good' : job.conclusion === 'failure' ? 'bad' : 'dim'}">${job.conclusion ?? job.state}</td>
<td>${clockTime(job.queuedAt)}</td><td class="num">${seconds(job.queuedAt, job.startedAt)}</td>
<td class="num">${seconds(job.startedAt, job.completedAt)}</td></tr>`,
)}${more(jobs.length, 5)}</tbody></table></section>`;

const seconds = (from: Instant | null, to: Instant | null): string =>
  from === null || to === null ? '–' : `${Math.max(0, (to - from) / 1000).toFixed(1)} s`;
