import type { Delivery } from '../../src/model/event.ts';
import type { InstallationId, InstanceKey, JobId, RepoId, ScopeId } from '../../src/model/ids.ts';
import { type JobReport, jobRank } from '../../src/model/job.ts';
import type { Kernel } from '../../src/sandbox/kernel.ts';
import type { Process } from '../../src/sandbox/process.ts';
import type { Lease, Store } from '../../src/store/port.ts';
import type { Promises } from './promises.ts';
import { createSickness } from './sick.ts';

const HOLD = 'hold:';
/** A queued job has its reason this long after it was first seen without one. */
const REASON_WITHIN_MS = 60_000;

/** The store with eyes: what is written is held against the promises at that very moment. */
export function watchStore(
  inner: Store,
  deps: {
    readonly kernel: Kernel;
    readonly promises: Promises;
    /** Since when nothing goes wrong and everybody is up; undefined: not yet. */
    readonly calmSince: () => number | undefined;
    readonly registerTimeoutMs: number;
    readonly starts: readonly number[];
    /** false: it was lost, and what still reaches it is nobody's business. */
    readonly isCurrent: () => boolean;
  },
): Store {
  const { kernel, promises, calmSince, isCurrent } = deps;
  const checkSick = createSickness(kernel, inner, deps);
  const heard = new Map<JobId, number>();
  const unexplained = new Map<JobId, number>();
  const installed = new Map<RepoId, InstallationId>();
  const leases = new Map<string, Lease>();
  /** Those that are about to end, as was written down. */
  const ending = new Set<InstanceKey>();

  const hear = (jobs: readonly JobReport[]) => {
    for (const { id, state } of jobs) {
      heard.set(id, Math.max(heard.get(id) ?? 0, jobRank(state)));
    }
  };
  /** The ids of installations grow: no word brings a repository back to an earlier one. */
  const checkInstallations = async (batch: readonly Delivery[]) => {
    for (const { event } of batch) {
      if (event.kind === 'installation') continue;
      const { id, installation } = event.repo;
      const newest = installed.get(id) ?? 0;
      installed.set(id, Math.max(newest, installation));
      if (installation >= newest) continue;
      kernel.mark('late word of an installation');
      const now = (await inner.repo(id))?.installation ?? newest;
      const text = `repository ${id} is of installation ${now} again, after ${newest}`;
      kernel.invariant(now >= newest, 'forward', text);
    }
  };
  const fenced = (lease: Lease, isDone: boolean, what: string): boolean => {
    const held = leases.get(lease.name);
    const isHis = held?.holder === lease.holder && held.fence === lease.fence;
    const text = `${lease.holder} wrote ${what} in ${lease.name}, which is ${held?.holder}'s`;
    kernel.invariant(!isDone || isHis, 'stale-write', text);
    return isDone;
  };

  return {
    ...inner,
    async apply(batch, now) {
      const scopes = await inner.apply(batch, now);
      await checkInstallations(batch);
      hear(batch.flatMap(({ event }) => (event.kind === 'job' ? [event.job] : [])));
      return scopes;
    },
    async report(jobs, now) {
      const scopes = await inner.report(jobs, now);
      hear(jobs);
      return scopes;
    },
    async lease(ask) {
      const lease = await inner.lease(ask);
      if (lease) {
        leases.set(lease.name, lease);
        if (isCurrent()) promises.leased(lease);
      }
      return lease;
    },
    async release(lease) {
      await inner.release(lease);
      leases.delete(lease.name);
      if (isCurrent()) promises.released(lease);
    },
    async scopeRows(scope) {
      const rows = await inner.scopeRows(scope);
      for (const { id, noticeAt } of rows.instances) {
        if (id !== null && noticeAt !== null) promises.noticed(id);
      }
      for (const { id, state, reason, labels } of rows.jobs) {
        kernel.invariant(labels.includes('dstack'), 'ours-only', `job ${id} is not ours`);
        const rank = heard.get(id) ?? 0;
        const text = `job ${id} is ${state} again, after a later word`;
        kernel.invariant(jobRank(state) >= rank, 'forward', text);
        if (state !== 'queued' || reason !== null) unexplained.delete(id);
        else if (!unexplained.has(id)) unexplained.set(id, kernel.now());
        const now = kernel.now();
        const sinceMs = now - Math.max(unexplained.get(id) ?? now, calmSince() ?? now);
        kernel.invariant(sinceMs <= REASON_WITHIN_MS, 'reason', `job ${id} waits unexplained`);
      }
      return rows;
    },
    async moveRepo(lease, move) {
      const isDone = fenced(lease, await inner.moveRepo(lease, move), 'a repository');
      const from = lease.name as ScopeId;
      if (isDone && isCurrent()) promises.moved({ repo: move.repo, from, to: move.to });
      return isDone;
    },
    async intend(lease, intents, now) {
      const judge = await checkSick(intents);
      const launches = await inner.intend(lease, intents, now);
      judge(launches);
      fenced(lease, launches.length > 0, 'intents');
      promises.intended(intents, launches);
      return launches;
    },
    async swapFact(key, change, now) {
      const isDone = await inner.swapFact(key, change, now);
      // What a person takes away holds from here on, before the file says so.
      const isHeld = isDone && key.startsWith(HOLD) && change.to !== '[]';
      if (isHeld) promises.taken(key.slice(HOLD.length) as ScopeId);
      return isDone;
    },
    async saveRules(lease, rules) {
      const isDone = fenced(lease, await inner.saveRules(lease, rules), 'rules');
      const budget = /^ {2}budget: (\S+)$/m.exec(rules.text ?? '')?.[1];
      if (isDone) promises.budget(rules.scope, budget === undefined ? null : Number(budget));
      return isDone;
    },
    saveReasons: async (lease, reasons, now) => {
      for (const { reason } of reasons) if (reason) kernel.mark(`waits ${reason.code}`);
      return fenced(lease, await inner.saveReasons(lease, reasons, now), 'reasons');
    },
    setAside: async (lease, job, until, forMs) =>
      fenced(lease, await inner.setAside(lease, job, until, forMs), 'an aside'),
    async changeInstance(change) {
      const isDone = await inner.changeInstance(change);
      const { key, patch } = change;
      if (isDone && patch.state === 'ending') ending.add(key);
      else if (isDone && patch.state !== undefined) ending.delete(key);
      const isLate = isDone && patch.registeredAt !== undefined && ending.has(key);
      kernel.invariant(!isLate, 'late-runner', `${key} got a runner, and it is about to end`);
      return change.lease ? fenced(change.lease, isDone, 'an instance') : isDone;
    },
    async requeue(lease, job, now) {
      const isDone = await inner.requeue(lease, job, now);
      if (isDone) {
        kernel.mark('store requeue');
        heard.set(job, jobRank('queued'));
      }
      return fenced(lease, isDone, 'a requeue');
    },
  };
}

const LATENCY_MS = [0, 3] as const;

/**
 * The store as one process has it: each call and its answer are one event between two gates.
 * `isLocal`: the database lives in the process, as SQLite does: a dead caller's call never lands.
 */
export function gateStore(
  process: Process,
  given: { readonly store: Store; readonly kernel: Kernel; readonly isLocal: boolean },
): Store {
  const { store, kernel, isLocal } = given;
  const options = { latencyMs: LATENCY_MS, isLocal, isPrompt: true };
  type Method = (...args: unknown[]) => Promise<unknown>;
  let open = '';
  const gate = (name: string, method: Method): Method => {
    const called = `store.${name}`;
    return (...args) => {
      const effect = () => {
        kernel.invariant(open === '', 'open-transaction', `${open} was open between two events`);
        open = called;
        const work = method(...args).finally(() => {
          open = '';
        });
        // Handled here as well: its caller may be dead when it fails.
        work.catch(() => {});
        return { work };
      };
      return process.call(called, effect, options).then(({ work }) => work);
    };
  };
  const methods: [string, Method][] = Object.entries(store);
  // Every method under its own name again: what comes out is the port that went in.
  return Object.fromEntries(
    methods.map(([name, method]) => [name, gate(name, method)]),
  ) as unknown as Store;
}
