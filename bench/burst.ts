import { createStage, MINUTE, R, rulesText, SECOND, type Stage } from '../test/stage.ts';
import { rounded } from './lib/figures.ts';

// A burst against the limits that EC2 and GitHub publish, both on in the sandbox: how close the app comes
// to what those limits alone allow. On a virtual clock, so that the figures are exact.

/** GitHub: 900 points a minute for an endpoint, five for a registration. */
const REGISTRATIONS_PER_MINUTE = 180;
/** EC2's bucket for RunInstances. */
const BUCKET = { size: 5, perSecond: 2 };
const JOBS = 1_000;
const REPOS = 256;
const MAX_RATIO = 1.2;

export async function bench() {
  const registered = await lastRegistrationS();
  const launched = await lastLaunchS();
  const registrations = {
    lastRegistrationS: rounded(registered.atS),
    registrationsAllowS: rounded(allowedRegistrationsS(JOBS)),
    ratioToRegistrations: exact(registered.atS / allowedRegistrationsS(JOBS)),
    githubCalls: registered.githubCalls,
  };
  const launches = {
    lastLaunchS: rounded(launched.atS),
    launchesAllowS: rounded(allowedLaunchesS(REPOS)),
    ratioToLaunches: exact(launched.atS / allowedLaunchesS(REPOS)),
    launchCalls: launched.calls,
  };
  const ratioToLimits = Math.max(registrations.ratioToRegistrations, launches.ratioToLaunches);
  const figures = { ratioToLimits, ...registrations, ...launches };
  const targets = { ratioToLimits: MAX_RATIO };
  return { bench: 'burst' as const, holds: ratioToLimits <= MAX_RATIO, figures, targets };
}

const exact = (value: number): number => Math.round(value * 10_000) / 10_000;

/** A minute's worth at once, and again each minute: the least that the limit can be read to allow. */
const allowedRegistrationsS = (count: number): number =>
  (Math.ceil(count / REGISTRATIONS_PER_MINUTE) - 1) * 60;

const allowedLaunchesS = (count: number): number => (count - BUCKET.size) / BUCKET.perSecond;

const openStage = async (options: Parameters<typeof createStage>[0]): Promise<Stage> => {
  const stage = createStage({ seed: 1, ...options });
  stage.start();
  await stage.pass(R + 20 * SECOND);
  return stage;
};

const QUOTAS = { 'standard spot': 1_000_000 } as const;

/** A thousand equal jobs at once: until the last of their machines is registered. */
async function lastRegistrationS() {
  const stage = await openStage({
    rules: rulesText({ 'm5.large': JOBS }),
    ec2: { quotas: QUOTAS },
  });
  const startedAt = stage.kernel.now();
  const before = githubCalls(stage);
  stage.addJobs(JOBS, { durationMs: 20 * MINUTE });
  const seen = () => [...stage.repo.runners.values()].length;
  await stage.until(() => seen() >= JOBS, 60 * MINUTE);
  return {
    atS: (stage.kernel.now() - startedAt) / SECOND,
    githubCalls: githubCalls(stage) - before,
  };
}

const githubCalls = ({ github }: Stage): number =>
  [...github.calls.values()].reduce((sum, count) => sum + count, 0);

/** A job in each of 256 repositories, whose machines share no call: until the last is launched. */
async function lastLaunchS() {
  const repoNames = Array.from({ length: REPOS }, (_, i) => `app-${i}`);
  const stage = await openStage({
    repoNames,
    rules: rulesText({ 'm5.large': 1 }),
    ec2: { quotas: QUOTAS },
  });
  const startedAt = stage.kernel.now();
  const before = stage.ec2.calls.get('RunInstances') ?? 0;
  const labels = ['self-hosted', 'dstack'];
  for (const repo of stage.repos) {
    const spec = { name: 'job', labels, durationMs: 20 * MINUTE };
    stage.github.jobs.addRun(repo, { jobs: [spec] });
  }
  await stage.until(() => stage.ec2.counts().launched >= REPOS, 60 * MINUTE);
  return {
    atS: (stage.kernel.now() - startedAt) / SECOND,
    calls: (stage.ec2.calls.get('RunInstances') ?? 0) - before,
  };
}
