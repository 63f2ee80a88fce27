import { command } from './spec.ts';

export const awsInfo = command({
  name: 'aws info',
  summary: 'Shows account, region and bucket; secrets are masked.',
  parameters: {},
  examples: ['aws info'],
  needs: 'write',
  changes: false,
  doors: ['cli'],
});
