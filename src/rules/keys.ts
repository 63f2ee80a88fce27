// The keys of the rules file, once: the parser, the JSON Schema and the docs read this table.

import { AWS_REGION, DURATION, durationMs, INSTANCE_TYPE, SIZE, sizeGb } from '../lib/units.ts';
import { MAX_INSTANCES, MAX_USD, SPOT_POLICIES } from '../model/rules.ts';
import { type Kind, list, scalar } from './kinds.ts';
import { type Key, type Mapping, mapping } from './mapping.ts';

export const MAX_RULES = 100;
const MAX_LIST = 16;
/** GitHub ends a workflow run after 50 attempts; more than a few re-runs help nobody. */
const MAX_RETRIES = 10;

/** Names of images that the app knows, besides `ami-…` and `ssm:/path`. */
export const IMAGE_NAMES = ['ubuntu-24.04', 'ubuntu-24.04-gpu', 'al2023'] as const;

const boolean = scalar({
  accepts: 'true or false',
  schema: { type: 'boolean' },
  of: (value) => (typeof value === 'boolean' ? value : undefined),
});

const wholeNumber = (max: number): Kind<number> =>
  scalar({
    accepts: `a whole number from 0 to ${max}`,
    schema: { type: 'integer', minimum: 0, maximum: max },
    of: (value) => (Number.isInteger(value) ? within(value, { min: 0, max }) : undefined),
  });

const usd = scalar({
  accepts: `a number of dollars above 0 and up to ${MAX_USD}, such as 0.60`,
  schema: { type: 'number', exclusiveMinimum: 0, maximum: MAX_USD },
  of: (value) => within(value, { min: Number.MIN_VALUE, max: MAX_USD }),
});

function within(value: unknown, { min, max }: { min: number; max: number }): number | undefined {
  return typeof value === 'number' && value >= min && value <= max ? value : undefined;
}

const oneOf = <const W extends string>(...words: readonly W[]): Kind<W> =>
  scalar({
    accepts: words.join(' or '),
    schema: { enum: words },
    of: (value) => words.find((word) => word === value),
    words,
  });

interface Shape<T> {
  readonly pattern: string;
  readonly accepts: string;
  readonly words?: readonly string[];
  of(text: string): T | undefined;
}

/** A string of a certain shape; the pattern is the schema's too. */
function shaped<T>({ pattern, accepts, words = [], of }: Shape<T>): Kind<T> {
  const shape = new RegExp(pattern, 'u');
  return scalar({
    accepts,
    schema: { type: 'string', pattern },
    of: (value) => (typeof value === 'string' && shape.test(value) ? of(value) : undefined),
    words,
  });
}

const text = (pattern: string, accepts: string, words?: readonly string[]): Kind<string> =>
  shaped({ pattern, accepts, of: (value) => value, ...(words && { words }) });

const region = text(AWS_REGION, 'a region such as eu-west-1');
const duration = shaped({
  pattern: DURATION,
  accepts: 'a duration such as 90s, 10m, 6h or 1d',
  of: durationMs,
});
const size = shaped({ pattern: SIZE, accepts: 'a size from 1GB to 9999GB', of: sizeGb });
const imageNames = IMAGE_NAMES.join('|').replaceAll('.', '\\.');
const image = text(
  `^(?:${imageNames}|ami-[0-9a-f]{8,17}|ssm:/[A-Za-z0-9_./-]{1,500})$`,
  `${IMAGE_NAMES.join(', ')}, an id such as ami-0123456789abcdef0, or ssm:/path`,
  IMAGE_NAMES,
);
const instanceType = text(INSTANCE_TYPE, 'an instance type such as m5.xlarge');
/** A runner's label: GitHub splits on commas, `runs-on` on nothing else. */
const label = text('^[^\\s,]{1,100}$', 'a label without spaces and commas (in quotes if a number)');
const groupName = text('^\\S(?:[^\\r\\n]{0,98}\\S)?$', 'the name of a runner group');
const awsId = (prefix: string): Kind<string> =>
  text(`^${prefix}-[0-9a-f]{8,17}$`, `an id such as ${prefix}-0123456789abcdef0`);

const required = <T>(kind: Kind<T>, about: string): Key<T> => ({
  kind,
  schema: { ...kind.schema, description: about },
  fallback: undefined,
});

const optional = <T>(kind: Kind<T>, about: string): Key<T | null> => ({
  kind,
  schema: { ...kind.schema, description: about },
  fallback: null,
});

/** A default that is written as it is read: not a duration, not a size. */
const defaulted = <T>(kind: Kind<T>, fallback: NoInfer<T>, about: string): Key<T> => ({
  kind,
  schema: { ...kind.schema, description: about, default: fallback },
  fallback,
});

const lasting = (written: string, about: string): Key<number> => ({
  kind: duration,
  schema: { ...duration.schema, description: about, default: written },
  fallback: durationMs(written),
});

const FILE_KEYS = {
  enabled: defaulted(boolean, true, 'false pauses autoscaling and ends all machines.'),
  region: optional(region, 'The AWS region of rules that name none.'),
  image: defaulted(image, 'ubuntu-24.04', 'What machines start from.'),
  forks: defaulted(
    oneOf('deny', 'allow'),
    'deny',
    'Whether jobs of pull requests from forks of a public repository get machines.',
  ),
  reuse: defaulted(
    oneOf('job', 'workflow'),
    'job',
    'Whether a machine runs one job, or several of one workflow run, whose labels have run=.',
  ),
  'max-duration': lasting('6h', 'No machine lives longer.'),
  retry: defaulted(
    wholeNumber(MAX_RETRIES),
    2,
    'How often a job is run again after its machine was reclaimed.',
  ),
  'on-exhausted': defaulted(
    oneOf('wait', 'on-demand', 'cancel'),
    'wait',
    'What happens when no allowed spot capacity is left.',
  ),
  'exhausted-after': lasting('10m', 'With on-exhausted: cancel, how long a run waits before that.'),
  budget: optional(
    usd,
    'Dollars a month for the scope, with disks and addresses; launches stop there.',
  ),
  'runner-group': optional(
    groupName,
    "In an owner's file only: register at organization level in this runner group.",
  ),
  'own-rules': defaulted(
    oneOf('within', 'allow'),
    'within',
    "In an owner's file only: whether a repository's own rules may go beyond the owner's.",
  ),
};

const RULE_KEYS = {
  'instance-type': required(instanceType, 'An EC2 instance type, such as m5.xlarge.'),
  max: required(wholeNumber(MAX_INSTANCES), 'At most so many machines live at a time.'),
  region: optional(region, "The AWS region; without it the file's."),
  'spot-policy': defaulted(
    oneOf(...SPOT_POLICIES),
    'spot',
    'auto: spot, and on-demand when no spot capacity is left.',
  ),
  'max-price': optional(usd, 'Dollars an hour; no machine starts above it.'),
  disk: optional(size, "The root disk; without it 30GB, or the image's size if that is larger."),
  subnets: defaulted(
    list({ of: awsId('subnet'), max: MAX_LIST }),
    [],
    "Where machines start; without it in the default VPC's subnets.",
  ),
  'security-groups': defaulted(
    list({ of: awsId('sg'), max: MAX_LIST }),
    [],
    'Without it one that lets nothing in.',
  ),
  labels: defaulted(list({ of: label, max: MAX_LIST }), [], 'Further labels that the rule serves.'),
  image: optional(image, "What machines start from; without it the file's image."),
};

const rule = mapping({
  keys: RULE_KEYS,
  elsewhere: { keys: Object.keys(FILE_KEYS), place: 'under autoscale, not in a rule' },
});

const AUTOSCALE_KEYS = {
  ...FILE_KEYS,
  rules: defaulted(
    list({ of: rule, max: MAX_RULES, item: 'a rule' }),
    [],
    'One for each instance type and region.',
  ),
};

const autoscale = mapping({
  keys: AUTOSCALE_KEYS,
  elsewhere: { keys: Object.keys(RULE_KEYS), place: 'in an item of rules' },
});

/** The whole file. */
export const file = mapping({
  keys: { autoscale: required(autoscale, 'Rules for machines that run jobs.') },
  elsewhere: { keys: Object.keys(AUTOSCALE_KEYS), place: 'under autoscale' },
});

export type AutoscaleMapping = Mapping<typeof AUTOSCALE_KEYS>;
export type RuleMapping = Mapping<typeof RULE_KEYS>;
