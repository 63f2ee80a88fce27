import type { Column, TableSpec } from './migrations.ts';

// What EC2 takes back: the machine's notice, EC2's word, and what became of the jobs.

/** Columns that the second version adds, by table. */
export const newColumns: Readonly<Record<string, Readonly<Record<string, Column>>>> = {
  instances: {
    noticeAction: 'text?',
    noticedAt: 'integer?',
    advisedAt: 'integer?',
    saidDoneAt: 'integer?',
    ec2Reason: 'text?',
    reclaimedAt: 'integer?',
  },
  // The machine that its runner's name says, so that one finds the other.
  jobs: { instance: 'text?' },
};

export const newIndexes: readonly string[] = [
  'create index "instances_noticed" on "instances" ("scope") where "noticeAt" is not null',
  'create index "instances_reclaimed" on "instances" ("scope") where "reclaimedAt" is not null',
  'create index "jobs_instance" on "jobs" ("instance") where "instance" is not null',
];

export const newTables: readonly TableSpec[] = [
  {
    name: 'reruns',
    columns: {
      repo: 'integer',
      run: 'integer',
      attempt: 'integer',
      scope: 'text',
      outcome: 'text',
      job: 'integer?',
      names: 'text',
      reason: 'text',
      at: 'integer',
      tries: 'integer',
      retryAt: 'integer',
      toldAt: 'integer?',
    },
    key: ['repo', 'run', 'attempt'],
    indexes: [[['scope']]],
  },
];
