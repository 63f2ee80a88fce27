import { command, EVERY_DOOR } from './spec.ts';
import { job } from './values.ts';

export const autoscaleExplain = command({
  name: 'autoscale explain',
  summary: 'Says why a job waits, or what ran it and what that cost.',
  parameters: {
    job: {
      form: 'JOB',
      help: "The job's number or the address of its page; without it all waiting jobs",
      isRequired: false,
      value: job,
    },
  },
  examples: ['autoscale explain', 'autoscale explain 48150926'],
  needs: 'read',
  changes: false,
  doors: EVERY_DOOR,
});
