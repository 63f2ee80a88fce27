import type { InstanceId, LaunchId } from './ids.ts';

/** The instance's id in it leads back from a webhook; the launch's is for a person who searches. */
export const runnerName = (instance: InstanceId, launch: LaunchId): string =>
  `dstack-${instance}-${launch.slice(0, 6)}`;

/** undefined: a runner of somebody else. */
export const instanceOfRunner = (name: string): InstanceId | undefined =>
  /^dstack-(i-[0-9a-f]+)-[0-9a-f]+$/.exec(name)?.[1];
