import { describe, expect, test } from '@jest/globals';
import type { Ec2 } from '../../src/ec2/port.ts';
import type { LaunchRequest } from '../../src/model/launch.ts';
import { IMAGES, imageId, subnetRows } from '../../src/sandbox/aws-catalogue.ts';
import { signProof } from '../../src/sandbox/aws-identity.ts';
import { createSandboxAccounts, createSandboxSts } from '../../src/sandbox/aws-ports.ts';
import { createEc2 } from '../../src/sandbox/ec2.ts';
import { createKernel, type Fault } from '../../src/sandbox/kernel.ts';
import { launched, value } from '../ec2/contract.ts';
import { drive, driven } from './drive.ts';
import { aCall, MINUTE_MS, one, PLAIN, REGION } from './ec2-world.ts';

/** The first launch, or the first proof, meets this fault. */
function createStage(kind?: Fault['kind']) {
  const isFirst = (call: { name: string; nth: number }) =>
    call.nth === 1 && ['ec2.launch', 'sts.callerOf'].includes(call.name);
  const kernel = createKernel({
    seed: 1,
    fault: (call) => (kind !== undefined && isFirst(call) ? { kind } : undefined),
  });
  const model = createEc2(kernel, PLAIN);
  const process = kernel.process('app');
  const ec2 = driven(kernel, createSandboxAccounts(model, process).ec2('default', REGION));
  const sts = createSandboxSts(model, process);
  return { kernel, model, ec2, sts };
}

async function aRequest(ec2: Ec2): Promise<LaunchRequest> {
  const [ubuntu] = IMAGES;
  const [subnet] = subnetRows(REGION);
  const group = value(await ec2.securityGroup(subnet?.vpc ?? ''));
  return {
    region: REGION,
    zone: subnet?.zone ?? '',
    subnet: subnet?.id ?? '',
    type: 'm5.large',
    market: 'spot',
    clientToken: 'token',
    count: 2,
    maxPriceUsd: null,
    imageId: ubuntu ? imageId(ubuntu, REGION) : '',
    rootDevice: '/dev/sda1',
    diskGb: 30,
    securityGroups: [group],
    tags: { 'dstack:launch': 'l1' },
    userData: '',
  };
}

describe('a launch in process', () => {
  test.each<[Fault['kind'], string, number]>([
    ['lost-request', 'unknown', 0],
    ['lost-answer', 'unknown', 2],
    ['throttled', 'throttled', 0],
  ])('with a %s is %s, and the same bytes settle it', async (kind, failure, already) => {
    const { model, ec2 } = createStage(kind);
    const request = await aRequest(ec2);
    expect(await ec2.launch(request)).toMatchObject({ ok: false, failure });
    expect(model.counts().launched).toBe(already);
    expect(launched(await ec2.launch(request)).instances).toHaveLength(2);
    expect(model.counts().launched).toBe(2);
  });
});

describe('STS in process', () => {
  const audience = 'app.test';

  test('sees the machine behind its proof, and nobody behind another', async () => {
    const { kernel, model, sts } = createStage();
    const { id } = one(model.runInstances(REGION, aCall()));
    const proof = signProof({ instance: id, region: REGION, audience, now: kernel.now() });
    const ask = (of: typeof proof, region = REGION) => drive(kernel, sts.callerOf(of, region));
    const arn = `arn:aws:sts::123456789012:assumed-role/aws:ec2-instance/${id}`;
    expect(await ask(proof)).toEqual({ ok: true, value: { arn } });
    const wrong = [
      { audience: 'other.test' },
      { date: proof.date.replace('T', 'T0') },
      { securityToken: 'none' },
    ];
    for (const part of wrong) {
      expect(await ask({ ...proof, ...part })).toMatchObject({ reason: 'denied' });
    }
    expect(await ask(proof, 'us-east-1')).toMatchObject({ reason: 'denied' });
    await kernel.run({ untilMs: kernel.now() + 16 * MINUTE_MS });
    expect(await ask(proof)).toMatchObject({ ok: false, reason: 'denied' });
  });

  test('may not answer', async () => {
    const { kernel, sts } = createStage('lost-answer');
    const proof = signProof({ instance: 'i-1', region: REGION, audience, now: kernel.now() });
    const answer = await drive(kernel, sts.callerOf(proof, REGION));
    expect(answer).toMatchObject({ ok: false, reason: 'unreachable' });
  });
});
