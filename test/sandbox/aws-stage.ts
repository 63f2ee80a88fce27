import { systemClock } from '../../src/lib/clock.ts';
import { serveAws } from '../../src/sandbox/aws-http.ts';
import { createEc2 } from '../../src/sandbox/ec2.ts';
import type { Ec2Model, Ec2Settings } from '../../src/sandbox/ec2-model.ts';
import { createKernel, type Kernel } from '../../src/sandbox/kernel.ts';
import type { Loopback } from '../../src/sandbox/loopback.ts';

export const REGION = 'eu-west-1';
export const CREDENTIALS = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'secret' };

export interface AwsStage {
  readonly kernel: Kernel;
  readonly model: Ec2Model;
  readonly aws: Loopback;
  /** Lets that much of the world's time pass. */
  pass(ms: number): Promise<void>;
  close(): Promise<void>;
}

/** The sandbox's AWS on a port. Its time goes as ours, and jumps when a test lets it pass. */
export async function openAws(settings: Partial<Ec2Settings> = {}): Promise<AwsStage> {
  const kernel = createKernel({ seed: 1 });
  const model = createEc2(kernel, settings);
  let jumpedMs = 0;
  const clock = { ...systemClock, now: () => systemClock.now() + jumpedMs };
  const pump = kernel.pump(clock, { speed: 1 });
  const aws = await serveAws({ kernel, model, clock: systemClock });
  return {
    kernel,
    model,
    aws,
    async pass(ms) {
      const passed = new Promise<void>((resolve) => void kernel.at(ms, 'test', resolve));
      jumpedMs += ms;
      await passed;
    },
    async close() {
      await aws.close();
      await pump.stop();
    },
  };
}
