import { createSandboxEc2 } from '../../src/sandbox/aws-ports.ts';
import { createEc2 } from '../../src/sandbox/ec2.ts';
import { createKernel } from '../../src/sandbox/kernel.ts';
import { EVERYTHING, ec2Contract } from '../ec2/contract.ts';
import { driven } from './drive.ts';

/** Longer than any delay of the model, and far shorter than EC2's memory. */
const REST_MS = 60_000;

ec2Contract('the sandbox in process', EVERYTHING, async () => {
  const kernel = createKernel({ seed: 1 });
  const model = createEc2(kernel);
  const region = 'eu-west-1';
  return {
    ec2: driven(kernel, createSandboxEc2(model, kernel.process('app'), region)),
    region,
    images: ['ubuntu-24.04', 'al2023', 'ubuntu-24.04-gpu'],
    rest: async () => void (await kernel.run({ untilMs: kernel.now() + REST_MS })),
    setCapacity: model.setCapacity,
    setSpotQuota: (vcpus) => model.change({ quotas: { 'standard spot': vcpus } }),
    hideNewOnes: () => model.change({ visibleAfterMs: [50_000, 50_000] }),
    close: async () => {},
  };
});
