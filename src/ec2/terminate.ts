import { TerminateInstancesCommand } from '@aws-sdk/client-ec2';
import type { Log } from '../lib/log.ts';
import type { InstanceId } from '../model/ids.ts';
import { done, type Refused, type Reply } from '../model/reply.ts';
import { type Calls, chunks } from './calls.ts';
import type { Ended } from './port.ts';
import { ec2State } from './sightings.ts';

/** EC2 takes 1,000; half of that fails half as often as a whole. */
const BATCH = 500;
const SINGLES_AT_ONCE = 10;

/**
 * Ends what can be ended. One bad id makes EC2 refuse a batch as a whole, so such a batch is asked
 * for one by one. Refused only where nothing could be done; an id left out is for the next tick.
 */
export async function terminate(
  { calls, log }: { readonly calls: Calls; readonly log: Log },
  ids: readonly InstanceId[],
): Promise<Reply<readonly Ended[]>> {
  const ended: Ended[] = [];
  const refused: Refused[] = [];
  for (const batch of chunks(ids, BATCH)) {
    for (const answer of await terminateBatch(calls, batch)) {
      if (answer.ok) ended.push(...answer.value);
      else refused.push(answer);
    }
  }
  const [first] = refused;
  if (!first || ended.length > 0) {
    if (first) log.warn({ code: first.code, calls: refused.length }, 'instances not ended');
    return done(ended);
  }
  return first;
}

async function terminateBatch(
  calls: Calls,
  ids: readonly InstanceId[],
): Promise<readonly Reply<readonly Ended[]>[]> {
  const answer = await terminateAtOnce(calls, ids);
  // More calls would only make these two worse.
  const isHopeless =
    !answer.ok && (answer.reason === 'throttled' || answer.reason === 'unreachable');
  if (answer.ok || ids.length === 1 || isHopeless) return [answer];
  const answers: Reply<readonly Ended[]>[] = [];
  for (const some of chunks(ids, SINGLES_AT_ONCE)) {
    answers.push(...(await Promise.all(some.map((id) => terminateAtOnce(calls, [id])))));
  }
  return answers;
}

async function terminateAtOnce(
  calls: Calls,
  ids: readonly InstanceId[],
): Promise<Reply<readonly Ended[]>> {
  const command = new TerminateInstancesCommand({ InstanceIds: [...ids] });
  const answer = await calls.ask((ec2, options) => ec2.send(command, options));
  if (answer.ok) {
    const changes = answer.value.TerminatingInstances ?? [];
    return done(
      changes.flatMap(({ InstanceId: id, CurrentState }) =>
        id === undefined ? [] : { id, ec2: ec2State(CurrentState?.Name) },
      ),
    );
  }
  const [id, ...others] = ids;
  const isUnknown = answer.reason === 'missing' && id !== undefined && others.length === 0;
  return isUnknown ? done([{ id, ec2: 'unknown' }]) : answer;
}
