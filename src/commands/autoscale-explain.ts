import { command, EVERY_DOOR } from './spec.ts';
import { job, labels } from './values.ts';

export const autoscaleExplain = command({
  name: 'autoscale explain',
  summary: 'Says why a job waits, what ran it and what that cost, or whether one would start now.',
  parameters: {
    job: {
      form: 'JOB',
      help: "The job's number or the address of its page; without it all waiting jobs",
      isRequired: false,
      value: job,
    },
    runsOn: {
      form: '--runs-on LABELS',
      help: 'Instead of a job: whether one with these labels, a comma between, would start now',
      isRequired: false,
      value: labels,
    },
  },
  examples: [
    'autoscale explain',
    'autoscale explain 48150926',
    'autoscale explain --runs-on dstack,cpu=4,memory=16GB',
  ],
  needs: 'read',
  changes: false,
  doors: EVERY_DOOR,
});
