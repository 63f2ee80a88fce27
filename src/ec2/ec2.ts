import type { Log } from '../lib/log.ts';
import type { Reply } from '../model/reply.ts';
import { type AwsOptions, createCalls } from './calls.ts';
import { spotPrices, typeNames, types } from './catalogue.ts';
import { image } from './images.ts';
import { launch } from './launch.ts';
import { removeGroups, securityGroup, subnets } from './network.ts';
import type { Ec2 } from './port.ts';
import { onDemandPrice } from './price-list.ts';
import { vcpuQuota } from './quotas.ts';
import { listTagged } from './sightings.ts';
import { terminate } from './terminate.ts';

/** EC2 itself, in one account and region. */
export function createEc2({ log, ...aws }: AwsOptions & { readonly log: Log }): Ec2 {
  const calls = createCalls(aws);
  // Scopes that look at once share one making of the group.
  const groupsInMaking = new Map<string, Promise<Reply<string>>>();
  return {
    launch: (request) => launch(calls, request),
    list: (app) => listTagged(calls, { key: 'dstack:app', value: app }),
    listLaunch: (id) => listTagged(calls, { key: 'dstack:launch', value: id }),
    terminate: (ids) => terminate({ calls, log }, ids),
    types: (names) => types(calls, names),
    spotPrices: (names) => spotPrices(calls, names),
    typeNames: () => typeNames(calls),
    onDemandPrice: (type) => onDemandPrice(calls, { type, region: aws.region }),
    vcpuQuota: (code) => vcpuQuota(calls, code),
    image: (name, arch) => image(calls, { image: name, arch }),
    subnets: (ids) => subnets(calls, ids),
    removeGroups: () => removeGroups(calls),
    securityGroup(vpc) {
      const making =
        groupsInMaking.get(vpc) ??
        securityGroup(calls, vpc).finally(() => groupsInMaking.delete(vpc));
      groupsInMaking.set(vpc, making);
      return making;
    },
  };
}
