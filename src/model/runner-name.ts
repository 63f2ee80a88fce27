import type { InstanceId, LaunchId } from './ids.ts';

/** The instance's id in it leads back from a webhook; the launch's is for a person who searches. */
export const runnerName = (instance: InstanceId, launch: LaunchId): string =>
  `dstack-${instance}-${launch.slice(0, 6)}`;

const NAME = /^dstack-(i-[0-9a-f]+)-[0-9a-f]+(?:-(\d{1,4}))?$/;

/** undefined: a runner of somebody else. */
export const instanceOfRunner = (name: string): InstanceId | undefined => NAME.exec(name)?.[1];

/** For the next job of the same machine: GitHub removes a just-in-time runner after each. */
export function nextRunnerName(name: string): string {
  const nth = NAME.exec(name)?.[2];
  const base = nth === undefined ? name : name.slice(0, -nth.length - 1);
  return `${base}-${Number(nth ?? 1) + 1}`;
}
