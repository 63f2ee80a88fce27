import { setImmediate } from 'node:timers/promises';
import { createGitHub } from '../../src/github/github.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { serveGitHub } from '../../src/sandbox/github-http.ts';
import { createKernel, type Kernel } from '../../src/sandbox/kernel.ts';
import { gitHubContract } from './contract.ts';
import { driven, sandboxWorld } from './sandbox-world.ts';

gitHubContract("the adapter before the sandbox's HTTP face", async () => {
  const kernel = createKernel({ seed: 1 });
  const clock = { ...systemClock, now: kernel.now };
  const http = await serveGitHub({ kernel, random: systemRandom, clock, real: systemClock });
  const github = createGitHub({
    appId: String(http.app.id),
    privateKey: http.app.pem,
    apiUrl: `${http.url}/api/v3`,
    clock,
    log: silentLog,
    userAgent: 'dstack-test',
  });
  return sandboxWorld({
    kernel,
    model: http.model,
    github: driven((promise) => answered(kernel, promise), github),
    close: () => http.close(),
  });
});

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
