import { isoOf } from '../lib/instant.ts';
import { defaultVpc } from './aws-catalogue.ts';
import {
  type Action,
  type ActionCall,
  archXml,
  CATALOGUE_ACTIONS,
} from './aws-catalogue-actions.ts';
import { type Filters, type Form, filtersOf, formsOf, listOf, tagsOf } from './aws-form.ts';
import type { XmlFields } from './aws-xml.ts';
import { type Ec2Instance, isLive } from './ec2-instance.ts';
import { type Answer, accept, type RunCall, refuse } from './ec2-launch.ts';

// EC2's query protocol, action by action: a form in, the fields of the answer's XML out.

export const EC2_ACTIONS: Readonly<Record<string, Action>> = {
  RunInstances: runInstances,
  DescribeInstances: describeInstances,
  TerminateInstances: terminateInstances,
  CreateTags: ({ model, region, form }) => {
    const made = model.createTags(region, listOf(form, 'ResourceId'), tagsOf(formsOf(form, 'Tag')));
    return made.ok ? accept({ return: true }) : made;
  },
  CreateSecurityGroup: ({ model, region, form }) => {
    const made = model.createGroup(region, {
      name: form.get('GroupName') ?? '',
      description: form.get('GroupDescription') ?? '',
      vpc: form.get('VpcId') ?? defaultVpc(region),
    });
    return made.ok ? accept({ return: true, groupId: made.value }) : made;
  },
  DeleteSecurityGroup: ({ model, region, form }) => {
    const gone = model.deleteGroup(region, form.get('GroupId') ?? '');
    return gone.ok ? accept({ return: true }) : gone;
  },
  ...CATALOGUE_ACTIONS,
};

function runInstances({ model, region, form }: ActionCall): Answer<XmlFields> {
  const answer = model.runInstances(region, runCall(form));
  if (!answer.ok) return answer;
  return accept({
    reservationId: answer.value[0]?.reservation,
    ownerId: model.account,
    instancesSet: answer.value.map(instanceXml),
  });
}

/** A call names its network either itself or through its first interface. */
function runCall(form: Form): RunCall {
  const text = (name: string): string =>
    form.get(name) ?? form.get(`NetworkInterface.1.${name}`) ?? '';
  const number = (name: string): number | null => (form.has(name) ? Number(form.get(name)) : null);
  const instanceTags = formsOf(form, 'TagSpecification')
    .filter((one) => one.get('ResourceType') === 'instance')
    .flatMap((one) => formsOf(one, 'Tag'));
  const bound = [...form].filter(([key]) => key !== 'ClientToken' && key !== 'DryRun').sort();
  return {
    clientToken: form.get('ClientToken') ?? '',
    bytes: JSON.stringify(bound),
    isDryRun: form.get('DryRun') === 'true',
    type: form.get('InstanceType') ?? '',
    imageId: form.get('ImageId') ?? '',
    minCount: number('MinCount') ?? 0,
    maxCount: number('MaxCount') ?? 0,
    subnet: text('SubnetId'),
    zone: form.get('Placement.AvailabilityZone') ?? '',
    market: form.get('InstanceMarketOptions.MarketType') === 'spot' ? 'spot' : 'on-demand',
    maxPriceUsd: number('InstanceMarketOptions.SpotOptions.MaxPrice'),
    diskGb: number('BlockDeviceMapping.1.Ebs.VolumeSize'),
    endsByPowerOff: form.get('InstanceInitiatedShutdownBehavior') === 'terminate',
    securityGroups: [
      ...listOf(form, 'SecurityGroupId'),
      ...listOf(form, 'NetworkInterface.1.SecurityGroupId'),
    ],
    tags: tagsOf(instanceTags),
    userData: Buffer.from(form.get('UserData') ?? '', 'base64').toString(),
  };
}

const STATE_CODES = { pending: 0, running: 16, 'shutting-down': 32, terminated: 48 } as const;

const stateXml = (state: Ec2Instance['state']): XmlFields => ({
  code: STATE_CODES[state],
  name: state,
});

function instanceXml(instance: Ec2Instance): XmlFields {
  const { stateReason } = instance;
  return {
    instanceId: instance.id,
    imageId: instance.imageId,
    instanceState: stateXml(instance.state),
    reason: isLive(instance) ? '' : stateReason?.message,
    amiLaunchIndex: instance.launchIndex,
    instanceType: instance.type,
    launchTime: isoOf(instance.launchedAt),
    placement: { availabilityZone: instance.zone, tenancy: 'default' },
    subnetId: instance.subnet,
    vpcId: instance.vpc,
    architecture: archXml(instance.arch),
    clientToken: instance.clientToken,
    instanceLifecycle: instance.market === 'spot' ? 'spot' : undefined,
    groupSet: instance.securityGroups.map((groupId) => ({ groupId })),
    stateReason: stateReason ? { ...stateReason } : undefined,
    tagSet: Object.entries(instance.tags).map(([key, value]) => ({ key, value })),
  };
}

const INSTANCE_FILTERS =
  /^(?:tag:.+|tag-key|instance-id|instance-state-name|client-token|instance-type)$/;

function describeInstances({ model, region, form }: ActionCall): Answer<XmlFields> {
  const filters = filtersOf(form, (name) => INSTANCE_FILTERS.test(name));
  if (!filters.ok) return filters;
  const page = pageOf(form);
  if (!page.ok) return page;
  const { limit, after } = page.value;
  const found = model.describeInstances(region, {
    ids: listOf(form, 'InstanceId'),
    ...query(filters.value),
    ...(limit === undefined ? {} : { limit: limit + 1 }),
    after,
  });
  if (!found.ok) return found;
  const shown = found.value.slice(0, limit);
  const isMore = shown.length < found.value.length;
  const reservations = Map.groupBy(shown, ({ reservation }) => reservation);
  return accept({
    reservationSet: [...reservations].map(([reservationId, instances]) => ({
      reservationId,
      ownerId: model.account,
      instancesSet: instances.map(instanceXml),
    })),
    nextToken: isMore ? tokenFor(shown) : undefined,
  });
}

const query = (filters: Filters) => (filters.size > 0 ? { filters } : {});

const tokenFor = (shown: readonly Ec2Instance[]): string =>
  Buffer.from(`after ${shown.at(-1)?.order ?? 0}`).toString('base64');

function pageOf(
  form: Form,
): Answer<{ readonly limit: number | undefined; readonly after: number }> {
  const most = form.get('MaxResults');
  const limit = most === undefined ? undefined : Number(most);
  if (limit !== undefined && !(limit >= 5 && limit <= 1_000)) {
    return refuse('InvalidParameterValue', 'MaxResults must be from 5 to 1000');
  }
  const token = form.get('NextToken');
  if (token === undefined) return accept({ limit, after: 0 });
  const [, after] = /^after (\d+)$/.exec(Buffer.from(token, 'base64').toString()) ?? [];
  return after === undefined
    ? refuse('InvalidNextToken', `The token '${token}' is invalid`)
    : accept({ limit, after: Number(after) });
}

function terminateInstances({ model, region, form }: ActionCall): Answer<XmlFields> {
  const ids = listOf(form, 'InstanceId');
  if (ids.length === 0) return refuse('MissingParameter', 'The request must contain InstanceId');
  const before = new Map(ids.map((id) => [id, model.instances.get(id)?.state ?? 'terminated']));
  const ended = model.terminateInstances(region, ids);
  if (!ended.ok) return ended;
  return accept({
    instancesSet: ended.value.map(({ id, state }) => ({
      instanceId: id,
      currentState: stateXml(state),
      previousState: stateXml(before.get(id) ?? 'terminated'),
    })),
  });
}
