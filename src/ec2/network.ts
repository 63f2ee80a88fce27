import {
  CreateSecurityGroupCommand,
  DeleteSecurityGroupCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
} from '@aws-sdk/client-ec2';
import { done, type Reply } from '../model/reply.ts';
import type { Calls } from './calls.ts';
import type { SubnetFacts } from './port.ts';

const GROUP_NAME = 'dstack-runners';

/** The given subnets; for none, the one that the default VPC has for each zone. By zone. */
export async function subnets(
  calls: Calls,
  ids: readonly string[],
): Promise<Reply<readonly SubnetFacts[]>> {
  // Only a default VPC has subnets that are their zone's default.
  const command = new DescribeSubnetsCommand(
    ids.length > 0
      ? { SubnetIds: [...ids] }
      : { Filters: [{ Name: 'default-for-az', Values: ['true'] }] },
  );
  const answer = await calls.ask((ec2, options) => ec2.send(command, options));
  if (!answer.ok) return answer;
  const found = (answer.value.Subnets ?? []).flatMap(
    ({ SubnetId: id, AvailabilityZone: zone, VpcId: vpc }) =>
      id === undefined || zone === undefined || vpc === undefined ? [] : { id, zone, vpc },
  );
  if (found.length > 0) return done(found.sort(byZone));
  const message = 'the region has no default VPC with subnets: name `subnets` in the rule';
  return { ok: false, reason: 'missing', code: 'NoDefaultSubnet', message };
}

const byZone = (a: SubnetFacts, b: SubnetFacts): number =>
  `${a.zone} ${a.id}` < `${b.zone} ${b.id}` ? -1 : 1;

/** Our group in that VPC. A new group lets nothing in and everything out, and stays that way. */
export async function securityGroup(calls: Calls, vpc: string): Promise<Reply<string>> {
  const found = await findGroup(calls, vpc);
  if (!found.ok) return found;
  if (found.value !== undefined) return done(found.value);
  const command = new CreateSecurityGroupCommand({
    GroupName: GROUP_NAME,
    Description: 'GitHub Actions runners: nothing comes in',
    VpcId: vpc,
    // By it the policy lets us delete this group, and no other.
    TagSpecifications: [
      { ResourceType: 'security-group', Tags: [{ Key: 'dstack:app', Value: 'dstack' }] },
    ],
  });
  const made = await calls.ask((ec2, options) => ec2.send(command, options));
  if (made.ok && made.value.GroupId !== undefined) return done(made.value.GroupId);
  if (!made.ok && made.code !== 'InvalidGroup.Duplicate') return made;
  // Another process was faster, or an answer was lost and the SDK's second try met the first's group.
  const again = await findGroup(calls, vpc);
  if (!again.ok) return again;
  if (again.value !== undefined) return done(again.value);
  const message = `the security group ${GROUP_NAME} of ${vpc} does not show yet`;
  return { ok: false, reason: 'conflict', code: 'InvalidGroup.Duplicate', message };
}

async function findGroup(calls: Calls, vpc: string): Promise<Reply<string | undefined>> {
  const command = new DescribeSecurityGroupsCommand({
    Filters: [
      { Name: 'group-name', Values: [GROUP_NAME] },
      { Name: 'vpc-id', Values: [vpc] },
    ],
  });
  const answer = await calls.ask((ec2, options) => ec2.send(command, options));
  return answer.ok ? done(answer.value.SecurityGroups?.[0]?.GroupId) : answer;
}

/** Our groups of the region, in whichever VPC, deleted. A group that a machine still has is `conflict`. */
export async function removeGroups(calls: Calls): Promise<Reply<readonly string[]>> {
  const command = new DescribeSecurityGroupsCommand({
    Filters: [{ Name: 'group-name', Values: [GROUP_NAME] }],
  });
  const found = await calls.ask((ec2, options) => ec2.send(command, options));
  if (!found.ok) return found;
  const removed: string[] = [];
  for (const { GroupId } of found.value.SecurityGroups ?? []) {
    const remove = new DeleteSecurityGroupCommand({ GroupId });
    const answer = await calls.ask((ec2, options) => ec2.send(remove, options));
    if (!answer.ok && answer.reason !== 'missing') return answer;
    if (GroupId !== undefined) removed.push(GroupId);
  }
  return done(removed);
}
