import { gitHubContract } from './contract.ts';
import { driven, sandboxWorld } from './sandbox-world.ts';

gitHubContract('the sandbox in process', () =>
  sandboxWorld(async (world) => ({
    github: driven(world.settle, world.github),
    close: async () => {},
  })),
);
