import type { Clock, Instant } from '../lib/clock.ts';
import { instantOf } from '../lib/instant.ts';
import type { Log } from '../lib/log.ts';
import type { Reporter } from './events.ts';
import type { Imds } from './imds.ts';
import { parseObject, textOf } from './json.ts';

export interface Notice {
  readonly action: string;
  /** When EC2 takes the machine back, as it says it. */
  readonly time: string;
  /** The same time, or two minutes from now where it cannot be read. */
  readonly endsAt: Instant;
}

/** EC2 tells this long before: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html */
const NOTICE_MS = 120_000;

export interface Watch {
  /** EC2's word that it takes this machine back; undefined while there is none. */
  notice(): Notice | undefined;
  close(): void;
}

interface Deps {
  readonly clock: Clock;
  readonly imds: Imds;
  readonly log: Log;
  readonly reporter: Reporter;
}

/**
 * Asks for EC2's notices and reports each once, at once. AWS gives two minutes and advises to ask
 * every 5 seconds. What the notice means for a job that runs is decided in serve.ts, not here.
 */
export function watchNotices(deps: Deps, pollMs: number): Watch {
  const stopped = new AbortController();
  let notice: Notice | undefined;
  let isRebalanceTold = false;

  async function look(): Promise<void> {
    const action = notice ? undefined : await deps.imds.get('meta-data/spot/instance-action');
    notice ??= action?.status === 200 ? parseNotice(action.text, deps.clock.now()) : undefined;
    if (action && notice) {
      const { endsAt: _, ...told } = notice;
      deps.log.warn(told, 'EC2 takes this machine back');
      deps.reporter.report('interruption', told);
    }
    if (isRebalanceTold) return;
    const advice = await deps.imds.get('meta-data/events/recommendations/rebalance');
    if (advice.status !== 200) return;
    isRebalanceTold = true;
    deps.log.warn({}, 'EC2 advises to move away from this machine');
    deps.reporter.report('rebalance', { time: textOf(parseObject(advice.text), 'noticeTime') });
  }

  async function loop(): Promise<void> {
    while (!stopped.signal.aborted) {
      await look();
      await deps.clock.sleep(pollMs, stopped.signal);
    }
  }

  loop().catch((error: unknown) => deps.log.error({ error: String(error) }, 'the watch broke'));
  return { notice: () => notice, close: () => stopped.abort() };
}

/** A notice that we cannot read is one all the same. */
export function parseNotice(text: string, now: Instant): Notice {
  const said = parseObject(text);
  const time = textOf(said, 'time') ?? '';
  const endsAt = instantOf(time) ?? now + NOTICE_MS;
  return { action: textOf(said, 'action') ?? 'terminate', time, endsAt };
}
