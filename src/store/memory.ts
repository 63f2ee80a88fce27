import * as buckets from './memory/buckets.ts';
import * as events from './memory/events.ts';
import * as history from './memory/history.ts';
import * as launches from './memory/launches.ts';
import * as leases from './memory/leases.ts';
import * as reruns from './memory/reruns.ts';
import * as scopes from './memory/scopes.ts';
import * as small from './memory/small.ts';
import { emptyState, type State } from './memory/state.ts';
import type { Store } from './port.ts';

/**
 * Rows in maps, for simulations and tests: a call is one synchronous step, and leases outlive their
 * holder until they run out, as they do in a database that replicas share.
 */
export function createMemoryStore(): Store {
  const state = emptyState();
  const on =
    <Args extends readonly unknown[], Result>(run: (state: State, ...args: Args) => Result) =>
    async (...args: Args): Promise<Result> =>
      run(state, ...args);
  return {
    receive: on(events.receive),
    unapplied: on(events.unapplied),
    apply: on(events.apply),
    report: on(events.report),
    noteRepos: on(events.noteRepos),
    heard: on(events.heard),
    removeRepo: on(events.removeRepo),
    lease: on(leases.lease),
    release: on(leases.release),
    scopesWithWork: on(scopes.scopesWithWork),
    scopesActiveSince: on(scopes.scopesActiveSince),
    scopeRows: on(scopes.scopeRows),
    repo: on(scopes.repo),
    reposActiveSince: on(scopes.reposActiveSince),
    rules: on(scopes.rules),
    moveRepo: on(scopes.moveRepo),
    reposOf: on(scopes.reposOf),
    removedUntil: on(scopes.removedUntil),
    saveRules: on(scopes.saveRules),
    saveReasons: on(scopes.saveReasons),
    intend: on(launches.intend),
    changeInstance: on(launches.changeInstance),
    setAside: on(scopes.setAside),
    requeue: on(scopes.requeue),
    sent: on(launches.sent),
    settle: on(launches.settle),
    observe: on(launches.observe),
    sighted: on(launches.sighted),
    launch: on(launches.launch),
    instanceById: on(launches.instanceById),
    livingRegions: on(launches.livingRegions),
    registration: on(small.registration),
    saveRegistration: on(small.saveRegistration),
    dropRegistration: on(small.dropRegistration),
    noteEvents: on(small.noteEvents),
    reserve: on(buckets.reserve),
    lineMs: on(buckets.lineMs),
    emptyBucket: on(buckets.emptyBucket),
    machinesOfRule: on(history.machinesOfRule),
    spotHistory: on(history.spotHistory),
    liveIn: on(history.liveIn),
    exhausted: on(small.exhausted),
    exhaust: on(small.exhaust),
    clearExhausted: on(small.clearExhausted),
    orphanRunners: on(launches.orphanRunners),
    jobs: on(reruns.jobs),
    reclaimed: on(reruns.reclaimed),
    reruns: on(reruns.reruns),
    saveRerun: on(reruns.saveRerun),
    bills: on(history.bills),
    jobsRun: on(history.jobsRun),
    fact: on(small.fact),
    facts: on(small.facts),
    saveFact: on(small.saveFact),
    swapFact: on(small.swapFact),
    recentJobs: on(scopes.recentJobs),
    recentInstances: on(launches.recentInstances),
    prune: on(small.prune),
    close: async () => {},
  };
}
