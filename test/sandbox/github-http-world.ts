import { createGitHub } from '../../src/github/github.ts';
import type { GitHub, RepoRef, Talk } from '../../src/github/port.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { generateKey } from '../../src/sandbox/github-app.ts';
import type { HookCall, HookFault } from '../../src/sandbox/github-hooks.ts';
import { type GitHubHttp, serveGitHub } from '../../src/sandbox/github-http.ts';
import type { RestFault } from '../../src/sandbox/github-rest.ts';
import type { GitHubKnobs, Installation, Repo } from '../../src/sandbox/github-state.ts';
import { createKernel, type Kernel } from '../../src/sandbox/kernel.ts';
import { openApiProblems } from '../github/openapi.ts';

export interface HttpWorld extends GitHubHttp {
  readonly kernel: Kernel;
  readonly installation: Installation;
  readonly repo: Repo;
  readonly ref: RepoRef;
  /** The real adapter, over real HTTP. */
  readonly github: GitHub & Talk;
  /** A call of our own, held against GitHub's description as the adapter's are. */
  readonly fetch: typeof globalThis.fetch;
  /** How requests and answers differed from GitHub's description. */
  readonly problems: string[];
  stop(): Promise<void>;
}

export interface HttpWorldOptions {
  readonly knobs?: Partial<Omit<GitHubKnobs, 'url' | 'serviceUrl'>>;
  readonly hookFault?: (call: HookCall) => HookFault | undefined;
  readonly fault?: (route: string) => RestFault | undefined;
  readonly silentMs?: number;
}

const PRIVATE_KEY = generateKey();

/** In the machine's time, but at once where GitHub takes a while. */
const AT_ONCE = { assignMs: [0, 0], acquireMs: [0, 0], hookDelayMs: [0, 0] } as const;

/** An error page is no JSON, and is not described. */
const parsed = (text: string): unknown => {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return { message: text };
  }
};

/** Notes how what is sent and answered differs from GitHub's description. */
export function watch(problems: string[]): typeof globalThis.fetch {
  return async (input, init) => {
    const answer = await fetch(input, init);
    const url = new URL(input instanceof Request ? input.url : input);
    const { status } = answer;
    const body = parsed(await answer.clone().text());
    const sent = typeof init?.body === 'string' ? parsed(init.body) : undefined;
    const exchange = { method: init?.method ?? 'GET', path: url.pathname + url.search, status };
    problems.push(...openApiProblems({ ...exchange, requestBody: sent, body }));
    return answer;
  };
}

export async function startHttpWorld(options: HttpWorldOptions = {}): Promise<HttpWorld> {
  const kernel = createKernel({ seed: 1, startAt: systemClock.now() });
  const { knobs, ...rest } = options;
  const http = await serveGitHub({
    kernel,
    random: systemRandom,
    clock: systemClock,
    real: systemClock,
    privateKey: PRIVATE_KEY,
    deviceIntervalS: 0.05,
    knobs: { ...AT_ONCE, ...knobs },
    ...rest,
  });
  const { repos } = http.model;
  const owner = repos.addOwner('acme');
  const installation = repos.install(owner);
  const repo = repos.addRepo({ owner, name: 'app', files: { '.github/dstack.yml': 'a: 1\n' } });
  const problems: string[] = [];
  const pump = kernel.pump(systemClock, { speed: 1 });
  const watched = watch(problems);
  return {
    ...http,
    kernel,
    installation,
    repo,
    ref: { id: repo.id, owner: 'acme', name: 'app', installation: installation.id },
    github: createGitHub({
      appId: String(http.app.id),
      privateKey: http.app.pem,
      apiUrl: `${http.url}/api/v3`,
      clock: systemClock,
      log: silentLog,
      userAgent: 'dstack-test',
      fetch: watched,
    }),
    fetch: watched,
    problems,
    async stop() {
      await http.close();
      await pump.stop();
    },
  };
}
