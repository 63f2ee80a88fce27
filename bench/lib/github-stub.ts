import type { GitHub } from '../../src/github/port.ts';
import { done, type Refused } from '../../src/model/reply.ts';
import { repoFacts } from './webhooks.ts';

const missing: Refused = { ok: false, reason: 'missing', code: '404', message: '' };

/** A GitHub that answers at once: every repository has these rules, and nothing went wrong. */
export function githubStub(rules: string): GitHub {
  return {
    file: async () => done({ text: rules }),
    register: async () => missing,
    removeRunner: async () => missing,
    runners: async () => done([]),
    runnerGroup: async () => missing,
    actionsRunner: async () =>
      done({
        version: '2.330.0',
        url: 'https://github.test/runner.tar.gz',
        sha256: '0'.repeat(64),
      }),
    job: async () => missing,
    cancelRun: async () => missing,
    run: async () => missing,
    runJobs: async () => missing,
    rerunFailed: async () => missing,
    rerunJob: async () => missing,
    unfinishedJobs: async () => done([]),
    repository: async (_, id) => done({ ...repoFacts(0), id }),
    installations: async () => done([]),
    repositories: async () => done([]),
    failedDeliveries: async () => done([]),
    redeliver: async () => missing,
  };
}
