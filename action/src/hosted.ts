import type { Arch } from '../../src/model/launch.ts';

// What GitHub's own Linux runners cost a minute, since 2026-01-01; each job is rounded up to whole
// minutes. https://docs.github.com/billing/reference/actions-runner-pricing

type Rate = readonly [vcpus: number, usdPerMinute: number];

const RATES: Readonly<Record<Arch, readonly Rate[]>> = {
  x64: [
    [2, 0.006],
    [4, 0.012],
    [8, 0.022],
    [16, 0.042],
    [32, 0.082],
    [64, 0.162],
    [96, 0.252],
  ],
  arm64: [
    [2, 0.005],
    [4, 0.008],
    [8, 0.014],
    [16, 0.026],
    [32, 0.05],
    [64, 0.098],
  ],
};

/** In a public repository the standard runner has so many vCPUs, and is free. */
export const FREE_VCPUS = 4;

export interface Hosted {
  readonly vcpus: number;
  readonly usdPerMinute: number;
}

/** The smallest runner with at least so many vCPUs; undefined: GitHub has none. */
export function hostedLike(of: {
  readonly arch: Arch;
  readonly vcpus: number;
}): Hosted | undefined {
  const rate = RATES[of.arch].find(([vcpus]) => vcpus >= of.vcpus);
  return rate && { vcpus: rate[0], usdPerMinute: rate[1] };
}

export const hostedUsd = ({ usdPerMinute }: Hosted, ranMs: number): number =>
  Math.max(1, Math.ceil(ranMs / 60_000)) * usdPerMinute;
