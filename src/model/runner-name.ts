import type { InstanceId } from './ids.ts';

/** GitHub wants a new name for each registration; the instance's id in it leads back from a webhook. */
export const runnerName = (instance: InstanceId, nonce: string): string =>
  `dstack-${instance}-${nonce}`;

/** undefined: a runner of somebody else. */
export const instanceOfRunner = (name: string): InstanceId | undefined =>
  /^dstack-(i-[0-9a-f]+)-[0-9a-f]+$/.exec(name)?.[1];
