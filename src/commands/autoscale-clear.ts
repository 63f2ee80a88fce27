import { command, EVERY_DOOR } from './spec.ts';

export const autoscaleClear = command({
  name: 'autoscale clear',
  summary: 'Removes all rules and ends all instances now.',
  parameters: {},
  examples: ['autoscale clear'],
  needs: 'write',
  changes: true,
  doors: EVERY_DOOR,
});
