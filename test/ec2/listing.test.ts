import { describe, expect, test } from '@jest/globals';
import { sightingsOf } from '../../src/ec2/sightings.ts';
import { answerBody, errorBody, useAws } from './aws.ts';

const aws = useAws();

const LaunchTime = new Date('2026-11-01T12:00:00Z');

describe('a sighting', () => {
  test('has what the tags say, where they say it rightly', () => {
    const Tags = [
      { Key: 'dstack:launch', Value: 'l-1' },
      { Key: 'dstack:scope', Value: 'owner-9' },
      { Key: 'dstack:repo', Value: '7' },
      { Key: 'dstack:runner-group', Value: 'CI' },
      { Key: 'dstack:rule', Value: 'm5.large/eu-west-1' },
    ];
    const spot = {
      InstanceId: 'i-1',
      LaunchTime,
      InstanceLifecycle: 'spot',
      InstanceType: 'm5.large',
      Placement: { AvailabilityZone: 'eu-west-1b' },
      State: { Name: 'running' },
      StateReason: { Code: 'pending', Message: 'pending' },
      Tags,
    } as const;
    const bare = { InstanceId: 'i-2', LaunchTime, Tags: [{ Key: 'dstack:scope', Value: 'all' }] };
    expect(sightingsOf({ OwnerId: '123456789012', Instances: [spot, bare] })).toEqual([
      {
        id: 'i-1',
        ownerAccount: '123456789012',
        ec2: 'running',
        ec2Reason: '',
        launchedAt: LaunchTime.getTime(),
        zone: 'eu-west-1b',
        type: 'm5.large',
        market: 'spot',
        launch: 'l-1',
        scope: 'owner-9',
        repo: 7,
        runnerGroup: 'CI',
        rule: 'm5.large/eu-west-1',
      },
      expect.objectContaining({ ec2: 'unknown', market: 'on-demand', launch: null, scope: null }),
    ]);
  });

  test.each([
    [
      'Server.SpotInstanceTermination',
      'Server.SpotInstanceTermination: Spot instance termination',
      'Server.SpotInstanceTermination: Spot instance termination',
    ],
    // EC2's own example of a code that hides the truth.
    [
      'Server.InternalError',
      'Client.VolumeLimitExceeded: Volume limit exceeded',
      'Client.VolumeLimitExceeded: Volume limit exceeded',
    ],
    ['Client.UserInitiatedShutdown', 'by someone', 'Client.UserInitiatedShutdown: by someone'],
    [undefined, undefined, ''],
  ])('ended for %s, %s says %s', (Code, Message, said) => {
    const StateReason = { Code, Message };
    const ended = { InstanceId: 'i-1', LaunchTime, State: { Name: 'terminated' }, StateReason };
    const [sighting] = sightingsOf({ Instances: [ended as never] });
    expect(sighting?.ec2Reason).toBe(said);
  });

  test.each(['stopping', 'stopped'] as const)(
    'of a machine that is %s counts as running',
    (Name) => {
      const stopped = { InstanceId: 'i-1', LaunchTime, State: { Name } };
      expect(sightingsOf({ Instances: [stopped] })).toMatchObject([{ ec2: 'running' }]);
    },
  );
});

test('a listing has the instances of every page, and asks for our tag alone', async () => {
  const page = (id: string, next: string): string =>
    answerBody(
      'DescribeInstances',
      `<reservationSet><item><ownerId>1</ownerId><instancesSet><item><instanceId>${id}</instanceId>` +
        `<launchTime>2026-11-01T12:00:00.000Z</launchTime></item></instancesSet></item></reservationSet>` +
        `<nextToken>${next}</nextToken>`,
    );
  aws.answer = (form) => [
    200,
    form.get('NextToken') === 'more' ? page('i-2', '') : page('i-1', 'more'),
  ];
  expect(await aws.ec2.list('github.com/1')).toMatchObject({
    ok: true,
    value: [{ id: 'i-1' }, { id: 'i-2' }],
  });
  expect(aws.forms).toHaveLength(2);
  expect(aws.forms[0]?.get('Filter.1.Name')).toBe('tag:dstack:app');
  expect(aws.forms[0]?.get('Filter.1.Value.1')).toBe('github.com/1');
  expect(aws.forms[0]?.has('Filter.2.Name')).toBe(false);
});

test('a listing that breaks off is refused as a whole', async () => {
  aws.answer = (form) =>
    form.has('NextToken')
      ? [403, errorBody('UnauthorizedOperation')]
      : [200, answerBody('DescribeInstances', '<nextToken>more</nextToken>')];
  expect(await aws.ec2.list('github.com/1')).toMatchObject({ ok: false, reason: 'denied' });
});

describe('ending', () => {
  const idsOf = (form: URLSearchParams): string[] =>
    [...form].flatMap(([key, value]) => (key.startsWith('InstanceId.') ? [value] : []));
  const endedBody = (ids: readonly string[]): string => {
    const items = ids.map(
      (id) =>
        `<item><instanceId>${id}</instanceId><currentState><name>shutting-down</name></currentState></item>`,
    );
    return answerBody('TerminateInstances', `<instancesSet>${items.join('')}</instancesSet>`);
  };

  test('of more than 500 is several calls', async () => {
    aws.answer = (form) => [200, endedBody(idsOf(form))];
    const ids = Array.from({ length: 501 }, (_, n) => `i-${n}`);
    const reply = await aws.ec2.terminate(ids);
    expect(reply.ok && reply.value.map(({ id }) => id)).toEqual(ids);
    expect(aws.forms.map((form) => idsOf(form).length)).toEqual([500, 1]);
  });

  test('goes on one by one, and leaves out what is protected', async () => {
    aws.answer = (form) => {
      const ids = idsOf(form);
      if (ids.includes('i-protected')) return [400, errorBody('OperationNotPermitted')];
      if (ids.includes('i-gone')) return [400, errorBody('InvalidInstanceID.NotFound')];
      return [200, endedBody(ids)];
    };
    expect(await aws.ec2.terminate(['i-protected', 'i-gone', 'i-1'])).toEqual({
      ok: true,
      value: [
        { id: 'i-gone', ec2: 'unknown' },
        { id: 'i-1', ec2: 'shutting-down' },
      ],
    });
    expect(aws.forms).toHaveLength(4);
  });

  test('that nothing comes of is refused, and a throttled batch is not split', async () => {
    aws.answer = () => [503, errorBody('RequestLimitExceeded')];
    const reply = await aws.ec2.terminate(['i-1', 'i-2']);
    expect(reply).toMatchObject({ ok: false, reason: 'throttled' });
    expect(aws.forms).toHaveLength(3);
  });
});
