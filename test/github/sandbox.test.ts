import { createGitHubModel } from '../../src/sandbox/github.ts';
import { createSandboxGitHub } from '../../src/sandbox/github-port.ts';
import { createSandboxTalk } from '../../src/sandbox/github-talk-port.ts';
import { createKernel } from '../../src/sandbox/kernel.ts';
import { drive } from '../sandbox/drive.ts';
import { gitHubContract } from './contract.ts';
import { entryContract, entryToEditContract } from './entry-contract.ts';
import { groupContract } from './group-contract.ts';
import { rerunContract } from './rerun-contract.ts';
import { driven, sandboxWorld } from './sandbox-world.ts';
import { talkContract, talkWorld } from './talk-contract.ts';

for (const contract of [gitHubContract, entryContract, groupContract, rerunContract]) {
  contract('the sandbox in process', async () => {
    const kernel = createKernel({ seed: 1 });
    const model = createGitHubModel(kernel);
    const port = createSandboxGitHub(model, kernel.process('app'));
    const github = driven((promise) => drive(kernel, promise), port);
    return sandboxWorld({ kernel, model, github, close: async () => {} });
  });
}

for (const contract of [talkContract, entryToEditContract]) {
  contract('the sandbox in process', async () => {
    const kernel = createKernel({ seed: 1 });
    const model = createGitHubModel(kernel);
    return talkWorld({
      model,
      talk: createSandboxTalk(model, kernel.process('app')),
      settle: (promise) => drive(kernel, promise),
      close: async () => {},
    });
  });
}
