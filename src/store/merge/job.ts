import { type Job, type JobReport, jobRank } from '../../model/job.ts';
import { keepSame } from './draft.ts';

const unsaid = { asideUntil: null, asideMs: 0, reason: null, reasonAt: null } as const;

/** Once it is known that a job names an environment, no payload without it makes that untrue. */
const hasEnvironment = (old: Job, said: JobReport): boolean | null =>
  old.hasEnvironment || said.hasEnvironment || (old.hasEnvironment ?? said.hasEnvironment);

/** What the later word left out stays as it was. */
const moved = (old: Job, said: JobReport): Job => ({
  ...old,
  ...said,
  ...unsaid,
  runnerId: said.runnerId ?? old.runnerId,
  runnerName: said.runnerName ?? old.runnerName,
  startedAt: said.startedAt ?? old.startedAt,
  completedAt: said.completedAt ?? old.completedAt,
  conclusion: said.conclusion ?? old.conclusion,
  hasEnvironment: hasEnvironment(old, said),
});

/** The same state again only fills in what was not known. */
const filled = (old: Job, said: JobReport): Job => ({
  ...old,
  runnerId: old.runnerId ?? said.runnerId,
  runnerName: old.runnerName ?? said.runnerName,
  startedAt: old.startedAt ?? said.startedAt,
  completedAt: old.completedAt ?? said.completedAt,
  conclusion: old.conclusion ?? said.conclusion,
  hasEnvironment: hasEnvironment(old, said),
});

/** Forward only: a late word never takes a job back. Answers `old` itself when nothing is new. */
export function jobAfter(old: Job | undefined, said: JobReport): Job {
  if (!old) return { ...said, ...unsaid };
  const step = jobRank(said.state) - jobRank(old.state);
  if (step > 0) return moved(old, said);
  if (step === 0) return keepSame(old, filled(old, said));
  return keepSame(old, { ...old, hasEnvironment: hasEnvironment(old, said) });
}

/** By itself, not by a word of GitHub: two reads said so while our runner is gone. */
export const requeued = {
  ...unsaid,
  state: 'queued',
  runnerId: null,
  runnerName: null,
  startedAt: null,
} as const;
