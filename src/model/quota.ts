import type { Market } from './launch.ts';

/** One of EC2's quotas of running vCPUs: a class of instance families, in one market of a region. */
export interface Quota {
  /** `L-34B43A08`, as Service Quotas calls it in every region. */
  readonly code: string;
  /** `Standard`: the families are in it by their first letters. */
  readonly name: string;
}

interface QuotaClass {
  readonly name: string;
  /** How names of its families begin. */
  readonly families: readonly string[];
  /** null: there is none, or none whose code we know. */
  readonly codes: Readonly<Record<Market, string | null>>;
}

const quotaClass = (
  name: string,
  families: string,
  codes: readonly [spot: string | null, onDemand: string | null],
): QuotaClass => ({
  name,
  families: families.split(' '),
  codes: { spot: codes[0], 'on-demand': codes[1] },
});

// Codes are the same in all accounts: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-spot-limits.html
const CLASSES: readonly QuotaClass[] = [
  quotaClass('Standard', 'a c d h i m r t z', ['L-34B43A08', 'L-1216C47A']),
  quotaClass('G and VT', 'g vt', ['L-3819A6DF', 'L-DB2E81BA']),
  quotaClass('P2, P3 and P4', 'p', ['L-7212CCBC', 'L-417A185B']),
  quotaClass('P5', 'p5', ['L-C4BD4855', 'L-417A185B']),
  quotaClass('F', 'f', ['L-88CF9481', 'L-74FC7D96']),
  quotaClass('X', 'x', ['L-E3A00192', 'L-7295265B']),
  quotaClass('Inf', 'inf', ['L-B5D1601B', 'L-1945791B']),
  quotaClass('Trn', 'trn', ['L-6B0D517C', 'L-2C3B7624']),
  quotaClass('DL', 'dl', ['L-85EED4F7', 'L-6E869C2A']),
  quotaClass('HPC', 'hpc', [null, null]),
  quotaClass('Mac', 'mac', [null, null]),
];

/** The quota that a machine counts against, by the longest beginning: `trn1.2xlarge` is no `t`. */
export function quotaOf(type: string, market: Market): Quota | undefined {
  let found: { readonly family: string; readonly of: QuotaClass } | undefined;
  for (const of of CLASSES) {
    for (const family of of.families) {
      if (!type.startsWith(family) || family.length <= (found?.family.length ?? 0)) continue;
      found = { family, of };
    }
  }
  const code = found?.of.codes[market] ?? null;
  return found === undefined || code === null ? undefined : { code, name: found.of.name };
}

/** Where a person sees it, and asks for more. */
export const quotaUrl = (region: string, code: string): string =>
  `https://${region}.console.aws.amazon.com/servicequotas/home/services/ec2/quotas/${code}`;
