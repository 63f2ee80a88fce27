import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { systemClock } from '../../src/lib/clock.ts';
import type { Repo } from '../../src/sandbox/github-state.ts';
import { runStep } from '../action/step.ts';
import { rulesText } from '../stage.ts';
import { type PeopleWorld, startPeopleWorld, untilKnown } from '../web/people-world.ts';
import { createHome, type Home } from './process.ts';

// The same lines through each door, each in a repository of its own: the same words, the same file.

const PATH = '.github/dstack.yml';
const RULES = rulesText({ 'm5.large': 4 });
const DOORS = ['comment', 'cli', 'http', 'workflow', 'action'] as const;
type DoorName = (typeof DOORS)[number];

let world: PeopleWorld;
let home: Home;
const repos = new Map<DoorName, Repo>();
beforeAll(async () => {
  world = await startPeopleWorld(({ model, repo }) => {
    for (const name of DOORS) {
      repos.set(name, model.repos.addRepo({ owner: repo.owner, name, files: { [PATH]: RULES } }));
    }
  });
  for (const repo of repos.values()) await untilKnown(world.store, repo.id);
  home = createHome({ DSTACK_SERVER: world.appUrl, GH_TOKEN: world.signIn('acme') });
}, 60_000);
afterAll(async () => {
  home.remove();
  await world.close();
});

interface Said {
  readonly text?: string;
  readonly markdown?: string;
}

const repoOf = (door: DoorName): Repo => repos.get(door) ?? world.repo;

const HOW: Readonly<Record<DoorName, (line: string) => Promise<Said>>> = {
  async comment(line) {
    const repo = repoOf('comment');
    const { issues } = world.model;
    const { number } = issues.addIssue(repo, {});
    issues.addComment(repo, number, `/dstack ${line}`, 'acme');
    return { markdown: await replyIn(repo, number) };
  },
  async cli(line) {
    const { stdout, stderr } = await home.run([...line.split(' '), '--repo', 'acme/cli']);
    // Of its own options the command line says a line more.
    const words = stdout.replace(/\ncommon options: .*\n$/, '');
    return { text: words === '' ? stderr.replace(/^error: (?!.*\n {2}dstack )/, '') : words };
  },
  async http(line) {
    return (await world.command(world.signIn('acme'), line, 'acme/http')).body;
  },
  async workflow(line) {
    const token = world.oidc.issue({ repo: repoOf('workflow'), audience: world.appUrl });
    return (await world.command(token, line, 'acme/workflow')).body;
  },
  async action(line) {
    const { outputs, summary, log } = await runStep({
      inputs: { command: line, url: world.appUrl },
      env: {
        ...world.oidc.requestFor({ repo: repoOf('action') }),
        GITHUB_REPOSITORY: 'acme/action',
      },
    });
    const { ok, text } = outputs;
    if (text === undefined) throw new Error(log);
    return ok === 'true' ? { text, markdown: summary } : { text };
  },
};

async function replyIn(repo: Repo, issue: number): Promise<string> {
  for (let tries = 0; tries < 600; tries += 1) {
    const all = world.model.issues.commentsOf(repo, issue);
    const body = all.ok ? all.value[1]?.body : undefined;
    if (body !== undefined) return body;
    await systemClock.sleep(50);
  }
  throw new Error('nobody answered');
}

/** Without what differs by repository and time: names, commits, moments. */
const same = (text: string | undefined, door: DoorName): string | undefined =>
  text
    ?.replaceAll(`acme/${door}`, 'acme/app')
    .replace(/\n*<!-- dstack reply.*-->/, '')
    .replace(/[0-9a-f]{40}|\b[0-9a-f]{7}\b/g, 'SHA')
    .replace(/\d{4}-\d\d-\d\d \d\d:\d\d/g, 'TIME')
    .replace(/\b\d+ (of [\d,]+ calls)/g, 'N $1')
    .trimEnd();

test.each([
  'autoscale allow c5.xlarge --max 2 --max-price 0.5',
  'autoscale allow c5.xlarge --max 2',
  'autoscale allow m5.large --max 1',
  'autoscale info',
  'autoscale disable',
  'autoscale enable',
  'autoscale explain',
  'autoscale explain 7',
  'autoscale explain --runs-on self-hosted,dstack,cpu=64',
  'runners',
  'autoscale allow c5.xlarge --max 0',
  'autoscale allow m5.xlrge --max 4',
  'autoscale alow m5.large',
  'autoscale allow m5.large',
  'aws configure',
  'help autoscale allow',
  'autoscale clear',
])(
  '%s',
  async (line) => {
    const isLocal = line.startsWith('aws ');
    const doors = DOORS.filter((door) => !(isLocal && door === 'cli'));
    const said = await Promise.all(
      doors.map(async (door) => {
        const { text, markdown } = await HOW[door](line);
        return { door, text: same(text, door), markdown: same(markdown, door) };
      }),
    );
    const [first] = said.filter(({ door }) => door === 'http');
    expect(first?.text).not.toBe('');
    for (const { door, text, markdown } of said) {
      if (text !== undefined) expect([door, text]).toEqual([door, first?.text]);
      if (markdown !== undefined) expect([door, markdown]).toEqual([door, first?.markdown]);
    }
    const files = DOORS.map((door) => world.model.repos.fileAt(repoOf(door), PATH));
    expect(new Set(files).size).toBe(1);
  },
  60_000,
);
