import type { Store } from '../port.ts';
import { bills } from './bills.ts';
import * as buckets from './buckets.ts';
import * as events from './events.ts';
import * as history from './history.ts';
import * as launches from './launches.ts';
import * as leases from './leases.ts';
import { observe } from './listing.ts';
import * as move from './move.ts';
import * as reruns from './reruns.ts';
import * as scopes from './scopes.ts';
import type { Session } from './session.ts';
import * as small from './small.ts';

/** The queries, bound to one database. */
export function createSqlStore(session: Session): Store {
  const on =
    <Args extends readonly unknown[], Result>(
      query: (session: Session, ...args: Args) => Promise<Result>,
    ) =>
    (...args: Args): Promise<Result> =>
      query(session, ...args);
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
    moveRepo: on(move.moveRepo),
    reposOf: on(scopes.reposOf),
    removedUntil: on(small.removedUntil),
    saveRules: on(scopes.saveRules),
    saveReasons: on(scopes.saveReasons),
    intend: on(launches.intend),
    changeInstance: on(launches.changeInstance),
    setAside: on(scopes.setAside),
    requeue: on(scopes.requeue),
    sent: on(launches.sent),
    settle: on(launches.settle),
    observe: on(observe),
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
    bills: on(bills),
    jobsRun: on(history.jobsRun),
    fact: on(small.fact),
    facts: on(small.facts),
    saveFact: on(small.saveFact),
    swapFact: on(small.swapFact),
    recentJobs: on(scopes.recentJobs),
    recentInstances: on(launches.recentInstances),
    prune: on(small.prune),
    close: () => session.db.destroy(),
  };
}
