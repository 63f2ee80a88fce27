import type { Clock } from '../lib/clock.ts';
import { isoOf } from '../lib/instant.ts';
import type { Log } from '../lib/log.ts';

const TAIL_LINES = 20;
const LINE_LENGTH = 500;
/** Shorter strings would mask half the alphabet; none of our secrets is that short. */
const SHORTEST_SECRET = 8;

export interface DaemonLog extends Log {
  /** From now on this text never leaves the log, whoever writes it. */
  hide(secret: string): void;
  /** The last lines, oldest first: what the app is told when something went wrong. */
  tail(): readonly string[];
}

/** One line for each fact, on stdout, which the image's console log keeps. */
export function createLog(deps: { clock: Clock; write(line: string): void }): DaemonLog {
  const secrets = new Set<string>();
  const lines: string[] = [];
  const say = (level: string) => (facts: object, message: string) => {
    const at = isoOf(deps.clock.now());
    const whole = `${at} ${level} ${message}${print(facts)}`;
    // Masked before it is cut, so that no half of a secret is left at the end of a line.
    const line = [...secrets].reduce((text, secret) => text.replaceAll(secret, '***'), whole);
    deps.write(line.slice(0, LINE_LENGTH));
    lines.push(line.slice(0, LINE_LENGTH));
    if (lines.length > TAIL_LINES) lines.shift();
  };
  return {
    debug() {},
    info: say('info'),
    warn: say('warn'),
    error: say('error'),
    hide: (secret) => {
      if (secret.length >= SHORTEST_SECRET) secrets.add(secret);
    },
    tail: () => [...lines],
  };
}

/** Values are printed as they are, not as JSON: quoting would hide a secret from the mask. */
const print = (facts: object): string =>
  Object.entries(facts)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${String(value).replace(/\s+/g, ' ').trim()}`)
    .join('');
