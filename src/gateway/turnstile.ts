import type { Clock, Instant } from '../lib/clock.ts';
import type { InstallationId, InstanceId } from '../model/ids.ts';
import { ALL, type Window } from '../model/window.ts';
import { createWindows, type Facts } from '../model/windows.ts';

/** GitHub's limit for one endpoint: 900 points a minute, five for each registration. */
const REGISTRATIONS: Window = { name: 'register', most: 180, ms: 60_000 };

/**
 * Lets machines register as fast as GitHub takes them, first come, first served, whichever process
 * they ask. A thousand that all try again by chance would spend the hour's calls on being refused: so
 * each is told its time.
 */
export interface Turnstile {
  /** How long the machine has to wait; 0: it goes through now. Its place is kept until it comes. */
  enter(installation: InstallationId, machine: InstanceId): Promise<number>;
  /** GitHub takes none before then: whoever waits gets a new place when it comes. */
  close(installation: InstallationId, until: Instant): Promise<void>;
}

export function createTurnstile(deps: { readonly clock: Clock; readonly facts: Facts }): Turnstile {
  const windows = createWindows({ ...deps, name: 'turns' });
  return {
    async enter(installation, machine) {
      const at = await windows.turn(String(installation), REGISTRATIONS, machine);
      return Math.max(0, at - deps.clock.now());
    },
    close: (installation, until) => windows.close(String(installation), ALL, until),
  };
}
