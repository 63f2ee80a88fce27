import type { Ec2 } from '../../src/ec2/port.ts';
import type { Kernel } from '../../src/sandbox/kernel.ts';

const MOST_EVENTS = 100_000;

/** Lets the world run until the promise is settled. */
export async function drive<T>(kernel: Kernel, promise: Promise<T>): Promise<T> {
  let isSettled = false;
  const watched = promise.finally(() => {
    isSettled = true;
  });
  const end = await kernel.run({ until: () => isSettled, maxEvents: MOST_EVENTS });
  if (!isSettled) throw new Error(`the world stood still (${end}) before the call was answered`);
  return watched;
}

/** The same port, each of whose calls drives the world until it is answered. */
export function driven(kernel: Kernel, ec2: Ec2): Ec2 {
  const go = <T>(promise: Promise<T>) => drive(kernel, promise);
  return {
    launch: (request) => go(ec2.launch(request)),
    list: (app) => go(ec2.list(app)),
    listLaunch: (launch) => go(ec2.listLaunch(launch)),
    terminate: (ids) => go(ec2.terminate(ids)),
    types: (types) => go(ec2.types(types)),
    spotPrices: (types) => go(ec2.spotPrices(types)),
    typeNames: () => go(ec2.typeNames()),
    onDemandPrice: (type) => go(ec2.onDemandPrice(type)),
    vcpuQuota: (code) => go(ec2.vcpuQuota(code)),
    image: (image, arch) => go(ec2.image(image, arch)),
    removeGroups: () => go(ec2.removeGroups()),
    subnets: (ids) => go(ec2.subnets(ids)),
    securityGroup: (vpc) => go(ec2.securityGroup(vpc)),
  };
}
