import { nearest } from '../lib/nearest.ts';
import { AWS_REGION, INSTANCE_TYPE } from '../lib/units.ts';
import type { JobId } from '../model/ids.ts';
import { MAX_INSTANCES, MAX_USD, SPOT_POLICIES, type SpotPolicy } from '../model/rules.ts';
import type { Value } from './spec.ts';

/** No signs, points or exponents, and the digits of ASCII only: what is read is what is seen. */
const WHOLE = /^(?:0|[1-9][0-9]{0,3})$/;
const USD = /^[0-9]{1,7}(?:\.[0-9]{1,6})?$/;

export const maximum: Value<number> = {
  accepts: `a whole number from 0 to ${MAX_INSTANCES}`,
  sample: '1',
  of: (word) => (WHOLE.test(word) && Number(word) <= MAX_INSTANCES ? Number(word) : undefined),
};

export const usd: Value<number> = {
  accepts: `a number of dollars above 0 and up to ${MAX_USD}, such as 0.60`,
  sample: '0.60',
  of: (word) => {
    const value = USD.test(word) ? Number(word) : 0;
    return value > 0 && value <= MAX_USD ? value : undefined;
  },
};

const shaped = (shape: string, accepts: string): Value<string> => ({
  accepts,
  of: (word) => (new RegExp(shape, 'u').test(word) ? word : undefined),
});

/** Phones begin a sentence with a capital letter. */
const lowerCase = (value: Value<string>): Value<string> => ({
  ...value,
  of: (word) => value.of(word.toLowerCase()),
});

export const region = lowerCase(shaped(AWS_REGION, 'an AWS region such as eu-west-1'));

/** Sizes that people misspell; whether a family has that size is known to AWS. */
const SIZES = ['nano', 'micro', 'small', 'medium', 'large', 'xlarge', 'metal'];

export const instanceType: Value<string> = {
  ...lowerCase(shaped(INSTANCE_TYPE, 'an EC2 instance type')),
  sample: 'm5.xlarge',
  nearest: (word) => {
    const [, family, count, size = ''] =
      /^([a-z0-9-]{1,24})\.([0-9]{0,3})([a-z]{1,10})$/.exec(word.toLowerCase()) ?? [];
    const meant = nearest(size, SIZES);
    const type = `${family}.${count}${meant}`;
    return meant !== undefined && new RegExp(INSTANCE_TYPE).test(type) ? type : undefined;
  },
};

export const spotPolicy: Value<SpotPolicy> = {
  accepts: SPOT_POLICIES.join(' or '),
  of: (word) => SPOT_POLICIES.find((policy) => policy === word.toLowerCase()),
  nearest: (word) => nearest(word, SPOT_POLICIES),
};

/** A job's page, on github.com or a server of one's own: people copy what they see. */
const JOB_PAGE =
  /^https?:\/\/[^\s/]+\/[^\s/]+\/[^\s/]+\/actions\/runs\/[0-9]+(?:\/attempts\/[0-9]+)?\/jobs?\/([0-9]+)(?:[?#]\S*)?$/;

export const job: Value<JobId> = {
  accepts: "a job's number or the address of its page",
  of: (word) => {
    const digits = JOB_PAGE.exec(word)?.[1] ?? word;
    const id = /^[1-9][0-9]{0,15}$/.test(digits) ? Number(digits) : Number.NaN;
    return Number.isSafeInteger(id) ? id : undefined;
  },
};

const LABEL = /^[^\s,'"]{1,256}$/;
const MOST_LABELS = 20;

export const labels: Value<readonly string[]> = {
  accepts: `up to ${MOST_LABELS} labels of runs-on, a comma between`,
  sample: 'dstack,cpu=4',
  of: (word) => {
    const all = word.split(/[\s,]+/).filter((label) => label !== '');
    const isFine = all.length <= MOST_LABELS && all.every((label) => LABEL.test(label));
    return isFine && all.length > 0 ? all : undefined;
  },
};

export const accessKeyId = shaped(
  '^A[A-Z0-9]{15,127}$',
  'an access key id, which begins with AKIA',
);
export const roleArn = shaped(
  '^arn:aws[a-z-]{0,20}:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]{1,576}$',
  'the ARN of a role, such as arn:aws:iam::123456789012:role/dstack',
);
export const bucket = shaped('^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$', 'the name of an S3 bucket');

export const given: Value<true> = { accepts: '', of: () => true };
