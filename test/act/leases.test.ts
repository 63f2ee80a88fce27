import { describe, expect, test } from '@jest/globals';
import { LEASE_MS, LONGEST_CALL_MS } from '../../src/act/deps.ts';
import { repoScope } from '../../src/model/ids.ts';
import type { Store } from '../../src/store/port.ts';
import { createStage, isRunning, MINUTE, R, rulesText, SECOND, type Stage } from '../stage.ts';
import { attempts, endsWell, takeBack } from './lost-stage.ts';

// A slow database uses up the lease of a tick: what would outlive it is left to the next one.

type Method = 'changeInstance' | 'saveRerun';

interface Slow {
  readonly stage: Stage;
  /** How long the scope's lease still held as each of those calls was made, slow ones included. */
  readonly leftMs: Record<string, number[]>;
}

/** The first write that `isSlow` chooses is answered when the lease is nearly over. */
async function openSlow(
  method: Method,
  isSlow: (args: readonly unknown[]) => boolean,
  calls: readonly string[],
): Promise<Slow> {
  const stage = createStage({ rules: rulesText({ 'm5.large': 4, 'm5.xlarge': 4 }) });
  const { store } = stage;
  const leftMs: Slow['leftMs'] = Object.fromEntries([method, ...calls].map((one) => [one, []]));
  let until = 0;
  const note = (name: string) => leftMs[name]?.push(until - stage.kernel.now());
  const slowly = async <T>(args: readonly unknown[], write: () => Promise<T>): Promise<T> => {
    if (!isSlow(args)) return write();
    note(method);
    const written = await write();
    const sleepMs = leftMs[method]?.length === 1 ? LEASE_MS - 5 * SECOND : 0;
    await stage.apps.get('app0')?.process.clock.sleep(sleepMs);
    return written;
  };
  const slow: Pick<Store, Method> = {
    changeInstance: (...args) => slowly(args, () => store.changeInstance(...args)),
    saveRerun: (...args) => slowly(args, () => store.saveRerun(...args)),
  };
  stage.store = {
    ...store,
    [method]: slow[method],
    async lease(ask) {
      const lease = await store.lease(ask);
      if (lease && ask.name === repoScope(stage.repo.id)) until = lease.until;
      return lease;
    },
  };
  stage.knobs.fault = ({ name }) => {
    note(name);
    return undefined;
  };
  stage.start();
  await stage.pass(R + 20 * SECOND);
  return { stage, leftMs };
}

const writes = (args: readonly unknown[], text: string) => JSON.stringify(args).includes(text);

describe('after a write that took nearly as long as the lease holds', () => {
  test('no machine is ended, nor a further one claimed, before there is a new lease', async () => {
    const isClaim = (args: readonly unknown[]) => writes(args, '"state":"ending"');
    const { stage, leftMs } = await openSlow('changeInstance', isClaim, ['ec2.terminate']);
    const jobs = stage.addJobs(2, { durationMs: 60 * MINUTE });
    await stage.until(isRunning(jobs), 5 * MINUTE);
    stage.push(rulesText({}));
    await stage.until(() => stage.live().length === 0, 5 * MINUTE);
    expect(leftMs['changeInstance']).toHaveLength(2);
    expect(Math.min(...Object.values(leftMs).flat())).toBeGreaterThan(LONGEST_CALL_MS);
  });

  test('no job is run again before there is a new lease', async () => {
    const isAsked = (args: readonly unknown[]) => writes(args, '"outcome":"asked"');
    const { stage, leftMs } = await openSlow('saveRerun', isAsked, ['github.rerunFailed']);
    const jobs = stage.addJobs(1, { durationMs: 10 * MINUTE });
    await stage.until(isRunning(jobs), 5 * MINUTE);
    takeBack(stage, true);
    await endsWell(stage, jobs);
    expect(attempts(stage, jobs)).toEqual([2]);
    expect(leftMs['github.rerunFailed']).toHaveLength(1);
    expect(Math.min(...Object.values(leftMs).flat())).toBeGreaterThan(LONGEST_CALL_MS);
  });
});
