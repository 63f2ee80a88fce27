import { DescribeRegionsCommand, RunInstancesCommand } from '@aws-sdk/client-ec2';
import { done, type Reply } from '../model/reply.ts';
import { type AwsOptions, createCalls } from './calls.ts';
import { runInstancesInput } from './launch.ts';
import type { Trial } from './port.ts';

const SPOT_ROLE = 'AWSServiceRoleForEC2Spot';
/** Written to see whether we may; always the same. */
const BUCKET_KEY = '.dstack-check';

/** What is tried before credentials are kept. Only a bucket that is named gets something: a mark. */
export function createTrial(options: AwsOptions): Trial {
  const calls = createCalls(options);
  return {
    async regionState() {
      // A region that is not enabled refuses every key: another one has to say so.
      const elsewhere = createCalls({ ...options, region: homeOf(options.region) });
      const RegionNames = [options.region];
      const command = new DescribeRegionsCommand({ RegionNames, AllRegions: true });
      const answer = await elsewhere.ask((ec2, how) => ec2.send(command, how));
      if (!answer.ok) return answer;
      const [found] = answer.value.Regions ?? [];
      if (!found) return { ...NO_REGION, message: `AWS has no region ${options.region}` };
      return done(found.OptInStatus === 'not-opted-in' ? 'disabled' : 'enabled');
    },
    async dryRun(request) {
      const command = new RunInstancesCommand({ ...runInstancesInput(request), DryRun: true });
      const answer = await calls.ask((ec2, how) => ec2.send(command, how));
      // EC2 says yes to a dry run by an error of its own.
      return answer.ok || answer.code === 'DryRunOperation' ? done(null) : answer;
    },
    async hasSpotRole() {
      const answer = await calls.askOther(async (shared, how) => {
        const { GetRoleCommand, IAMClient } = await import('@aws-sdk/client-iam');
        return new IAMClient(shared).send(new GetRoleCommand({ RoleName: SPOT_ROLE }), how);
      });
      if (answer.ok) return done(true);
      const isMissing = answer.code === 'NoSuchEntity' || answer.code === 'NoSuchEntityException';
      return isMissing ? done(false) : answer;
    },
    async writeTo({ bucket, awsAccount }): Promise<Reply<null>> {
      const answer = await calls.askOther(async (shared, how) => {
        const { PutObjectCommand, S3Client } = await import('@aws-sdk/client-s3');
        const put = new PutObjectCommand({
          Bucket: bucket,
          Key: BUCKET_KEY,
          Body: 'dstack may write here\n',
          // A name is taken all over the world: a bucket of another account is not the user's.
          ExpectedBucketOwner: awsAccount,
        });
        return new S3Client({ ...shared, followRegionRedirects: true }).send(put, how);
      });
      return answer.ok ? done(null) : answer;
    },
  };
}

const NO_REGION = { ok: false, reason: 'missing', code: 'NoSuchRegion' } as const;

/** A region of the same partition that every account has; elsewhere the region speaks for itself. */
const homeOf = (region: string): string =>
  /^(?:cn|us-gov|us-iso[a-z]?|eusc)-/.test(region) ? region : 'us-east-1';
