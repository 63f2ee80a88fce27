import type { Instant } from '../lib/clock.ts';
import type { InstallationId, InstanceId } from '../model/ids.ts';

/** GitHub's limit for one endpoint: 900 points a minute, five for each registration. */
const PER_WINDOW = 180;
/** A second more than a minute, because calls do not all travel at one speed. */
const WINDOW_MS = 61_000;
const MOST_INSTALLATIONS = 10_000;
/** Whoever has not come by then will not come. */
const KEPT_MS = 10 * 60_000;

/**
 * Lets machines register as fast as GitHub takes them, first come, first served. A thousand that all
 * try again by chance would spend the hour's calls on being refused: so each is told its time.
 */
export interface Turnstile {
  /** How long the machine has to wait; 0: it goes through now. Its place is kept until it comes. */
  enter(installation: InstallationId, machine: InstanceId): number;
  /** GitHub takes none before then: whoever waits gets a new place when it comes. */
  close(installation: InstallationId, until: Instant): void;
}

interface Line {
  /** When places are, of the last window and to come; in order. */
  places: Instant[];
  readonly placeOf: Map<InstanceId, Instant>;
  closedUntil: Instant;
}

export function createTurnstile(now: () => Instant): Turnstile {
  const lines = new Map<InstallationId, Line>();

  function lineOf(installation: InstallationId): Line {
    const known = lines.get(installation);
    if (known) return known;
    // A line that is forgotten costs a refusal of GitHub, no more.
    if (lines.size >= MOST_INSTALLATIONS) lines.clear();
    const made = { places: [], placeOf: new Map(), closedUntil: 0 };
    lines.set(installation, made);
    return made;
  }

  return {
    enter(installation, machine) {
      const line = lineOf(installation);
      const at = line.placeOf.get(machine) ?? takePlace(line, machine, now());
      if (at <= now()) line.placeOf.delete(machine);
      return Math.max(0, at - now());
    },
    close(installation, until) {
      const line = lineOf(installation);
      line.closedUntil = Math.max(line.closedUntil, until);
      line.places = line.places.filter((at) => at <= now());
      line.placeOf.clear();
    },
  };
}

function takePlace(line: Line, machine: InstanceId, now: Instant): Instant {
  line.places = line.places.filter((at) => at > now - WINDOW_MS);
  for (const [other, at] of line.placeOf) if (at < now - KEPT_MS) line.placeOf.delete(other);
  const byRate = (line.places.at(-PER_WINDOW) ?? Number.NEGATIVE_INFINITY) + WINDOW_MS;
  // In order, since whoever came before has a place that is not later.
  const at = Math.max(now, line.closedUntil, byRate, line.places.at(-1) ?? now);
  line.places.push(at);
  line.placeOf.set(machine, at);
  return at;
}
