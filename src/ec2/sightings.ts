import {
  type Filter,
  type Instance,
  paginateDescribeInstances,
  type Reservation,
} from '@aws-sdk/client-ec2';
import { idOf } from '../model/github-json.ts';
import { parseScopeId } from '../model/ids.ts';
import type { Ec2State } from '../model/launch.ts';
import { done, type Reply } from '../model/reply.ts';
import type { Sighting } from '../store/port.ts';
import { allOf, type Calls } from './calls.ts';

/** EC2's own maximum. With filters and pages a call draws on the larger of EC2's two budgets. */
const PAGE_SIZE = 1_000;
const REASON_MAX = 200;

/** All instances with that tag, in every state; EC2 shows terminated ones for about an hour. */
export async function listTagged(
  calls: Calls,
  tag: { readonly key: string; readonly value: string },
): Promise<Reply<readonly Sighting[]>> {
  const Filters: Filter[] = [{ Name: `tag:${tag.key}`, Values: [tag.value] }];
  const answer = await calls.ask((client, options) =>
    allOf(
      paginateDescribeInstances({ client, pageSize: PAGE_SIZE }, { Filters }, options),
      (page) => page.Reservations,
    ),
  );
  return answer.ok ? done(answer.value.flatMap(sightingsOf)) : answer;
}

export function sightingsOf({ OwnerId = '', Instances = [] }: Reservation): Sighting[] {
  return Instances.flatMap((instance) => {
    const { InstanceId: id, LaunchTime } = instance;
    if (id === undefined || LaunchTime === undefined) return [];
    const tags = new Map((instance.Tags ?? []).map(({ Key, Value = '' }) => [Key, Value]));
    return {
      id,
      ownerAccount: OwnerId,
      ec2: ec2State(instance.State?.Name),
      ec2Reason: reasonOf(instance),
      launchedAt: LaunchTime.getTime(),
      zone: instance.Placement?.AvailabilityZone ?? '',
      type: instance.InstanceType ?? '',
      market: instance.InstanceLifecycle === 'spot' ? 'spot' : 'on-demand',
      launch: tags.get('dstack:launch') ?? null,
      scope: parseScopeId(tags.get('dstack:scope') ?? '') ?? null,
      repo: idOf(Number(tags.get('dstack:repo'))) ?? null,
      rule: tags.get('dstack:rule') ?? null,
      runnerGroup: tags.get('dstack:runner-group') ?? null,
    };
  });
}

/** A stopped machine is someone else's doing; it still takes a place and a disk, and is ours to end. */
export function ec2State(name: string | undefined): Ec2State {
  switch (name) {
    case 'pending':
    case 'running':
    case 'shutting-down':
    case 'terminated':
      return name;
    case 'stopping':
    case 'stopped':
      return 'running';
    default:
      return 'unknown';
  }
}

/**
 * `Server.SpotInstanceTermination: …`. The message comes first: EC2 is known to give the code
 * `Server.InternalError` with the message `Client.VolumeLimitExceeded: …`.
 */
function reasonOf({ State, StateReason }: Instance): string {
  const state = ec2State(State?.Name);
  if (state === 'pending' || state === 'running') return '';
  const { Code = '', Message = '' } = StateReason ?? {};
  const hasOwnCode = /^(?:Client|Server)\.[A-Za-z.]+/.test(Message);
  const reason = hasOwnCode || Code === '' ? Message : `${Code}: ${Message}`;
  return reason.slice(0, REASON_MAX);
}
