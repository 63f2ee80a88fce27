import { command, EVERY_DOOR } from './spec.ts';

export const runners = command({
  name: 'runners',
  summary: 'Lists instances and their runners.',
  parameters: {},
  examples: ['runners'],
  needs: 'read',
  changes: false,
  doors: EVERY_DOOR,
});
