import { setImmediate } from 'node:timers/promises';
import { expect } from '@jest/globals';
import { createGitHub } from '../../src/github/github.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { generateKey } from '../../src/sandbox/github-app.ts';
import { serveGitHub } from '../../src/sandbox/github-http.ts';
import { createKernel, type Kernel } from '../../src/sandbox/kernel.ts';
import { watch } from '../sandbox/github-http-world.ts';
import { gitHubContract } from './contract.ts';
import { entryContract, entryToEditContract } from './entry-contract.ts';
import { groupContract } from './group-contract.ts';
import { rerunContract } from './rerun-contract.ts';
import { driven, sandboxWorld } from './sandbox-world.ts';
import { talkContract, talkWorld } from './talk-contract.ts';

/** Takes a while to make. */
const PRIVATE_KEY = generateKey();

/** The adapter over real HTTP, every exchange held against GitHub's own description. */
async function connect() {
  const kernel = createKernel({ seed: 1 });
  const clock = { ...systemClock, now: kernel.now };
  const http = await serveGitHub({
    kernel,
    random: systemRandom,
    clock,
    real: systemClock,
    privateKey: PRIVATE_KEY,
  });
  const problems: string[] = [];
  const github = createGitHub({
    appId: String(http.app.id),
    privateKey: http.app.pem,
    apiUrl: `${http.url}/api/v3`,
    clock,
    log: silentLog,
    userAgent: 'dstack-test',
    fetch: watch(problems),
  });
  return {
    kernel,
    model: http.model,
    github,
    settle: <T>(promise: Promise<T>) => answered(kernel, promise),
    async close() {
      await http.close();
      expect(problems).toEqual([]);
    },
  };
}

for (const contract of [gitHubContract, entryContract, groupContract, rerunContract]) {
  contract("the adapter before the sandbox's HTTP face", async () => {
    const { github, settle, ...door } = await connect();
    return sandboxWorld({ ...door, github: driven(settle, github) });
  });
}

for (const contract of [talkContract, entryToEditContract]) {
  contract("the adapter before the sandbox's HTTP face", async () => {
    const { github, ...door } = await connect();
    return talkWorld({ ...door, talk: github });
  });
}

/** What arrived is answered in this instant of the world; sockets get their turn in between. */
async function answered<T>(kernel: Kernel, promise: Promise<T>): Promise<T> {
  let isSettled = false;
  const settled = () => {
    isSettled = true;
  };
  promise.then(settled, settled);
  while (!isSettled) {
    await kernel.run({ untilMs: kernel.now() });
    await setImmediate();
  }
  return promise;
}
