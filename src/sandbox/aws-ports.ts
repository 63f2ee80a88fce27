import type { Accounts } from '../accounts/port.ts';
import type { Ec2, Ended, LaunchAnswer, Sts, TypeFacts } from '../ec2/port.ts';
import { MEANINGS } from '../model/aws-codes.ts';
import { idOf } from '../model/github-json.ts';
import { parseScopeId } from '../model/ids.ts';
import type { Arch, LaunchRequest } from '../model/launch.ts';
import { done, type Refused, type Reply } from '../model/reply.ts';
import type { Sighting } from '../store/port.ts';
import {
  imageById,
  imageId,
  imageRow,
  onDemandUsd,
  subnetRows,
  type TypeRow,
  typeRow,
  typeRows,
  zonesWith,
} from './aws-catalogue.ts';
import { callerArn, isFresh, proofRequest, signerOf } from './aws-identity.ts';
import { type Ec2Instance, isLive } from './ec2-instance.ts';
import { type Answer, accept, type Ec2Refusal, type RunCall, refuse } from './ec2-launch.ts';
import type { Ec2Model } from './ec2-model.ts';
import type { CallOptions, Process } from './process.ts';

// The ports of ec2 and accounts, in process: each method is one call of the process to the model,
// with the latencies and faults that the kernel gives it. Held by test/ec2/contract.ts.

/** As in AWS: seconds, most of the time. */
const LATENCY_MS = [80, 1_500] as const;
const TIMEOUT_MS = 10_000;
const GROUP_NAME = 'dstack-runners';

const NO_ANSWER = refuse('TimeoutError', 'EC2 did not answer in time', 0);
const THROTTLED = refuse('RequestLimitExceeded', 'Request limit exceeded.', 503);

export function createSandboxEc2(model: Ec2Model, process: Process, region: string): Ec2 {
  const call = <T, R>(name: string, effect: () => Answer<T>, read: (answer: Answer<T>) => R) =>
    process.call(`ec2.${name}`, () => read(effect()), faults(read));
  const ask = <T>(name: string, effect: () => Answer<T>): Promise<Reply<T>> =>
    call(name, effect, reply);
  /** A question to the catalogue, which is the same for ever. */
  const look = <T>(name: string, action: string, effect: () => Answer<T>) =>
    ask(name, () => model.enter(region, action) ?? effect());

  const listBy = (name: string, tag: string, value: string) =>
    ask(name, () => {
      const filters = new Map([[`tag:${tag}`, [value]]]);
      const found = model.describeInstances(region, { filters });
      return found.ok ? accept(found.value.map((one) => sighting(one, model.account))) : found;
    });

  return {
    launch: (request) =>
      call(
        'launch',
        () => model.runInstances(region, runCall(request)),
        (answer) => launchAnswer(answer, model.account),
      ),
    list: (app) => listBy('list', 'dstack:app', app),
    listLaunch: (launch) => listBy('listLaunch', 'dstack:launch', launch),
    terminate: (ids) =>
      ids.length === 0
        ? Promise.resolve(done([]))
        : ask('terminate', () => terminate(model, region, ids)),
    types: (types) =>
      look('types', 'DescribeInstanceTypes', () =>
        accept(
          types
            .flatMap((type) => typeRow(type) ?? [])
            .map((row) => typeFacts(row, region))
            .filter(({ zones }) => zones.length > 0),
        ),
      ),
    spotPrices: (types) =>
      look('spotPrices', 'DescribeSpotPriceHistory', () =>
        accept(spotPrices(model, region, types)),
      ),
    typeNames: () =>
      look('typeNames', 'DescribeInstanceTypeOfferings', () => accept(typeNames(region))),
    onDemandPrice: (type) =>
      look('onDemandPrice', 'GetProducts', () => accept(onDemandPrice(type, region))),
    vcpuQuota: (code) => look('vcpuQuota', 'GetServiceQuota', () => accept(model.vcpuQuota(code))),
    image: (image, arch) =>
      look('image', 'DescribeImages', () => findImage({ image, arch, region })),
    subnets: (ids) => look('subnets', 'DescribeSubnets', () => findSubnets(region, ids)),
    securityGroup: (vpc) => ask('securityGroup', () => ensureGroup(model, region, vpc)),
    removeGroups: () => ask('removeGroups', () => removeGroups(model, region)),
  };
}

/** What the caller sees when no answer comes, or a refusal for now. */
const faults = <T, R>(read: (answer: Answer<T>) => R): CallOptions<R> => ({
  latencyMs: LATENCY_MS,
  timeoutMs: TIMEOUT_MS,
  unanswered: () => read(NO_ANSWER),
  throttled: () => read(THROTTLED),
});

const runCall = (request: LaunchRequest): RunCall => {
  const { clientToken, ...bound } = request;
  return {
    ...request,
    bytes: JSON.stringify(bound),
    minCount: 1,
    maxCount: request.count,
    endsByPowerOff: true,
  };
};

function launchAnswer(answer: Answer<readonly Ec2Instance[]>, ownerAccount: string): LaunchAnswer {
  if (answer.ok) return { ok: true, ownerAccount, instances: answer.value.map(({ id }) => id) };
  const { code, message, status } = answer;
  const isClear = status >= 400 && status < 500;
  return {
    ok: false,
    failure: MEANINGS.get(code)?.failure ?? (isClear ? 'invalid' : 'unknown'),
    code,
    message,
  };
}

function reply<T>(answer: Answer<T>): Reply<T> {
  return answer.ok ? done(answer.value) : refused(answer);
}

function refused({ code, message, status }: Ec2Refusal): Refused {
  return { ok: false, reason: refusalOf(code, status), code, message };
}

function refusalOf(code: string, status: number): Refused['reason'] {
  if (code.endsWith('NotFound')) return 'missing';
  if (code === 'RequestLimitExceeded') return 'throttled';
  if (status === 403) return 'denied';
  return status === 0 || status >= 500 ? 'unreachable' : 'invalid';
}

/** Any region's sighting of an instance; the reason is EC2's, and only of one that ended. */
const sighting = (instance: Ec2Instance, ownerAccount: string): Sighting => ({
  id: instance.id,
  ownerAccount,
  ec2: instance.state,
  ec2Reason: isLive(instance) ? '' : (instance.stateReason?.message ?? ''),
  launchedAt: instance.launchedAt,
  zone: instance.zone,
  type: instance.type,
  market: instance.market,
  launch: instance.tags['dstack:launch'] ?? null,
  scope: parseScopeId(instance.tags['dstack:scope'] ?? '') ?? null,
  repo: idOf(Number(instance.tags['dstack:repo'])) ?? null,
  rule: instance.tags['dstack:rule'] ?? null,
  runnerGroup: instance.tags['dstack:runner-group'] ?? null,
});

const typeFacts = (row: TypeRow, region: string): TypeFacts => {
  const { type, arch, vcpus, memoryMib, gpu, hasSpot } = row;
  const gpus = gpu === null ? null : { name: gpu, count: 1 };
  return { type, arch, vcpus, memoryMib, gpus, hasSpot, zones: zonesWith(row, region) };
};

/** At once; where EC2 refuses that for one bad id, one by one. */
function terminate(
  model: Ec2Model,
  region: string,
  ids: readonly string[],
): Answer<readonly Ended[]> {
  const ended = (of: readonly Ec2Instance[]) => of.map(({ id, state }) => ({ id, ec2: state }));
  const all = model.terminateInstances(region, ids);
  if (all.ok) return accept(ended(all.value));
  if (all.code !== 'InvalidInstanceID.NotFound') return all;
  if (ids.length === 1) return accept(ids.map((id) => ({ id, ec2: 'unknown' })));
  return accept(
    ids.flatMap((id): readonly Ended[] => {
      const one = model.terminateInstances(region, [id]);
      if (one.ok) return ended(one.value);
      return one.code === 'InvalidInstanceID.NotFound' ? [{ id, ec2: 'unknown' }] : [];
    }),
  );
}

const spotPrices = (model: Ec2Model, region: string, types: readonly string[]) =>
  types
    .flatMap((type) => typeRow(type) ?? [])
    .filter(({ hasSpot }) => hasSpot)
    .flatMap((row) => zonesWith(row, region).map((zone) => ({ type: row.type, zone })))
    .map((place) => ({ ...place, priceUsd: model.spotPriceUsd(place.type, place.zone) }));

const typeNames = (region: string): readonly string[] =>
  typeRows()
    .filter((row) => zonesWith(row, region).length > 0)
    .map(({ type }) => type)
    .sort();

function onDemandPrice(type: string, region: string): number | null {
  const row = typeRow(type);
  return row && zonesWith(row, region).length > 0 ? onDemandUsd(row, region) : null;
}

function findImage(of: { readonly image: string; readonly arch: Arch; readonly region: string }) {
  const { image, arch, region } = of;
  const row = image.startsWith('ami-') ? imageById(image, region) : imageRow(image, arch);
  if (!row) return refuse('InvalidAMIID.NotFound', `The image '${image}' does not exist`);
  const { rootDevice, sizeGb } = row;
  return accept({ id: imageId(row, region), arch: row.arch, rootDevice, sizeGb });
}

function findSubnets(region: string, ids: readonly string[]) {
  const all = subnetRows(region);
  const missing = ids.find((id) => !all.some((subnet) => subnet.id === id));
  return missing === undefined
    ? accept(ids.length === 0 ? all : all.filter(({ id }) => ids.includes(id)))
    : refuse('InvalidSubnetID.NotFound', `The subnet ID '${missing}' does not exist`);
}

function ensureGroup(model: Ec2Model, region: string, vpc: string): Answer<string> {
  const refused = model.enter(region, 'DescribeSecurityGroups');
  if (refused) return refused;
  const ours = model.groups(region).find((one) => one.vpc === vpc && one.name === GROUP_NAME);
  const description = 'Machines of dstack: nothing comes in';
  return ours ? accept(ours.id) : model.createGroup(region, { name: GROUP_NAME, description, vpc });
}

function removeGroups(model: Ec2Model, region: string): Answer<readonly string[]> {
  const refused = model.enter(region, 'DescribeSecurityGroups');
  if (refused) return refused;
  const ids = model.groups(region).flatMap(({ id, name }) => (name === GROUP_NAME ? [id] : []));
  const wrong = ids.map((id) => model.deleteGroup(region, id)).find(({ ok }) => !ok);
  return wrong && !wrong.ok ? wrong : accept(ids);
}

export function createSandboxSts(model: Ec2Model, process: Process): Sts {
  return {
    callerOf: (proof, region) =>
      process.call(
        'sts.callerOf',
        () => {
          const { headers, ...request } = proofRequest(proof, region);
          const { authorization } = proof;
          const instance = signerOf({ ...request, headers: { ...headers, authorization } });
          const isRecent = isFresh(proof.date, process.clock.now());
          if (!instance || !model.instances.has(instance) || !isRecent) {
            return reply(refuse('SignatureDoesNotMatch', 'The signature does not match', 403));
          }
          return done({ arn: callerArn(model.account, instance) });
        },
        faults(reply<{ readonly arn: string }>),
      ),
  };
}

/** Every owner may use the one account that the sandbox has, under the name of the app's own chain. */
export const createSandboxAccounts = (model: Ec2Model, process: Process): Accounts => ({
  accountFor: () => Promise.resolve({ account: 'default', region: null }),
  ec2: (_account, region) => createSandboxEc2(model, process, region),
});
