import { command, EVERY_DOOR } from './spec.ts';

export const autoscaleEnable = command({
  name: 'autoscale enable',
  summary: 'Resumes autoscaling.',
  parameters: {},
  examples: ['autoscale enable'],
  needs: 'write',
  changes: true,
  doors: EVERY_DOOR,
});
