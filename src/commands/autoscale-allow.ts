import { command, EVERY_DOOR } from './spec.ts';
import { instanceType, maximum, region, spotPolicy, usd } from './values.ts';

export const autoscaleAllow = command({
  name: 'autoscale allow',
  summary: 'Adds or replaces the rule of that type and region. --max 0 removes it.',
  parameters: {
    type: {
      form: 'INSTANCE_TYPE',
      help: 'Any EC2 instance type, such as m5.xlarge',
      isRequired: true,
      value: instanceType,
    },
    max: {
      form: '--max MAX',
      help: 'The maximum number of instances',
      isRequired: true,
      value: maximum,
    },
    region: {
      form: '--region R',
      help: "The AWS region; without it the rules file's, else the account's",
      isRequired: false,
      value: region,
    },
    spotPolicy: {
      form: '--spot-policy P',
      help: 'spot, on-demand or auto: spot, and on-demand when no spot capacity is left',
      isRequired: false,
      value: spotPolicy,
    },
    maxPriceUsd: {
      form: '--max-price D',
      help: 'Dollars an hour; no instance starts above it',
      isRequired: false,
      value: usd,
    },
  },
  examples: [
    'autoscale allow m5.xlarge --max 1',
    'autoscale allow g5.xlarge --max 4 --region us-east-1 --spot-policy auto --max-price 0.6',
    'autoscale allow m5.xlarge --max 0',
  ],
  needs: 'write',
  changes: true,
  doors: EVERY_DOOR,
});
