import { createCatalogue } from '../../src/act/catalogue.ts';
import type { Rule } from '../../src/model/rules.ts';
import { createSandboxAccounts } from '../../src/sandbox/aws-ports.ts';
import { createEc2 } from '../../src/sandbox/ec2.ts';
import type { Ec2Change } from '../../src/sandbox/ec2-model.ts';
import { createKernel, type Fault } from '../../src/sandbox/kernel.ts';
import type { PortCall } from '../../src/sandbox/process.ts';
import { createMemoryStore } from '../../src/store/memory.ts';
import type { Store } from '../../src/store/port.ts';
import { drive } from '../sandbox/drive.ts';

/** The sandbox's account in eu-west-1, and a catalogue of it; `go` lets the world answer. */
export function openAwsWorld(settings: Ec2Change = {}, store: Store = createMemoryStore()) {
  const knobs: { fault: (call: PortCall) => Fault | undefined } = { fault: () => undefined };
  const kernel = createKernel({ seed: 1, isCalm: true, fault: (call) => knobs.fault(call) });
  const model = createEc2(kernel, { hasRateLimits: false, ...settings });
  const process = kernel.process('app');
  const accounts = createSandboxAccounts(model, process);
  const catalogue = createCatalogue({ accounts, clock: process.clock, store });
  const go = <T>(promise: Promise<T>): Promise<T> => drive(kernel, promise);
  const pass = (ms: number) => kernel.run({ untilMs: kernel.now() + ms });
  const calls = (action: string): number => model.calls.get(action) ?? 0;
  return { kernel, knobs, model, store, catalogue, account: 'default', go, pass, calls };
}

export const zones = ['a', 'b', 'c'].map((letter) => `eu-west-1${letter}`);

/** A rule with every default applied. */
export function aRuleOf(type: string, given: Partial<Rule> = {}): Rule {
  const { region = 'eu-west-1' } = given;
  return {
    id: `${type}/${region}`,
    type,
    region,
    max: 4,
    spotPolicy: 'spot',
    maxPriceUsd: null,
    diskGb: null,
    subnets: [],
    securityGroups: [],
    labels: [],
    image: 'ubuntu-24.04',
    ...given,
  };
}
