import { command, EVERY_DOOR } from './spec.ts';

export const autoscaleDisable = command({
  name: 'autoscale disable',
  summary: 'Pauses autoscaling and ends all instances now. The rules stay.',
  parameters: {},
  examples: ['autoscale disable'],
  needs: 'write',
  changes: true,
  doors: EVERY_DOOR,
});
