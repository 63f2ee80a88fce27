import { onDemandUsd, typeRow, zonesOf } from '../../src/sandbox/aws-catalogue.ts';
import { createMarket, type Market, type Type } from './market.ts';
import type { Times } from './played.ts';
import type { Line } from './workload.ts';

/** What every policy is played with: six types of four sizes in three zones, and machines' times. */
const REGION = 'eu-west-1';
const TYPES = ['m5.large', 'c6a.xlarge', 'm5.xlarge', 'c7i.2xlarge', 'm5.2xlarge', 'm5.4xlarge'];

export const TIMES: Times = { bootS: 45, teardownS: 5 };

export const marketFor = (lines: readonly Line[], seed: number): Market =>
  createMarket({
    seed,
    types: TYPES.map(typeOf),
    zones: zonesOf(REGION),
    lengthS: Math.max(...lines.map(({ queuedAtS, durationS }) => queuedAtS + durationS)),
  });

function typeOf(name: string): Type {
  const row = typeRow(name);
  if (!row) throw new Error(`no such type: ${name}`);
  const { vcpus, memoryMib } = row;
  return { name, vcpus, memoryGb: memoryMib / 1024, onDemandUsd: onDemandUsd(row, REGION) };
}
