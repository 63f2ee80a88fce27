import { command } from './spec.ts';
import { accessKeyId, bucket, region, roleArn } from './values.ts';

/** The secret key has no option: every process of the machine could read it. */
export const awsConfigure = command({
  name: 'aws configure',
  summary: 'Asks for the credentials of your AWS account, checks them against AWS, and keeps them.',
  parameters: {
    accessKeyId: {
      form: '--access-key-id ID',
      help: 'Instead of the first prompt; the secret comes from a prompt or the environment',
      isRequired: false,
      value: accessKeyId,
    },
    roleArn: {
      form: '--role-arn ARN',
      help: 'A role to assume instead of keys',
      isRequired: false,
      value: roleArn,
    },
    region: {
      form: '--region R',
      help: 'Where instances of rules without a region start',
      isRequired: false,
      value: region,
    },
    bucket: {
      form: '--bucket NAME',
      help: 'Your own S3 bucket for artifacts',
      isRequired: false,
      value: bucket,
    },
  },
  examples: [
    'aws configure',
    'aws configure --role-arn arn:aws:iam::123456789012:role/dstack --region eu-west-1',
  ],
  needs: 'admin',
  changes: true,
  doors: ['cli'],
});
