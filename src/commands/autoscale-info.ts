import { command, EVERY_DOOR } from './spec.ts';

export const autoscaleInfo = command({
  name: 'autoscale info',
  summary: 'Shows the rules with price and use, waiting jobs with reasons, and the cost.',
  parameters: {},
  examples: ['autoscale info'],
  needs: 'read',
  changes: false,
  doors: EVERY_DOOR,
});
