import { IMAGES, imageId, subnetRows } from '../../src/sandbox/aws-catalogue.ts';
import { createEc2 } from '../../src/sandbox/ec2.ts';
import type { Ec2Instance } from '../../src/sandbox/ec2-instance.ts';
import type { Answer, RunCall } from '../../src/sandbox/ec2-launch.ts';
import type { Ec2Settings } from '../../src/sandbox/ec2-model.ts';
import { createKernel } from '../../src/sandbox/kernel.ts';

export const REGION = 'eu-west-1';
export const SECOND_MS = 1_000;
export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;

/** Delays without chance, so that a test can say when. */
export const PLAIN: Partial<Ec2Settings> = {
  bootMs: [10_000, 10_000],
  visibleAfterMs: [0, 0],
  endingMs: [5_000, 5_000],
  hasRateLimits: false,
};

export function createEc2World(settings: Partial<Ec2Settings> = {}) {
  const kernel = createKernel({ seed: 1 });
  const model = createEc2(kernel, { ...PLAIN, ...settings });
  const pass = (ms: number) => kernel.run({ untilMs: kernel.now() + ms });
  const run = (more: Partial<RunCall> = {}) => model.runInstances(REGION, aCall(more));
  return { kernel, model, pass, run };
}

export function aCall(more: Partial<RunCall> = {}, region = REGION): RunCall {
  const [ubuntu] = IMAGES;
  const call: RunCall = {
    clientToken: '',
    bytes: '',
    type: 'm5.xlarge',
    imageId: ubuntu ? imageId(ubuntu, region) : '',
    minCount: 1,
    maxCount: 1,
    subnet: subnetRows(region)[0]?.id ?? '',
    zone: '',
    market: 'spot',
    maxPriceUsd: null,
    diskGb: 30,
    endsByPowerOff: true,
    securityGroups: [],
    tags: {},
    userData: '',
    ...more,
  };
  return { ...call, bytes: JSON.stringify({ ...call, clientToken: '' }) };
}

export function one(answer: Answer<readonly Ec2Instance[]>): Ec2Instance {
  const instance = answer.ok ? answer.value[0] : undefined;
  if (!instance) throw new Error(answer.ok ? 'no instance' : answer.code);
  return instance;
}

/** The code of a refusal, or how many were launched. */
export const outcome = (answer: Answer<readonly Ec2Instance[]>): string | number =>
  answer.ok ? answer.value.length : answer.code;
