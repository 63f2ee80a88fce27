import { describe, expect, test } from '@jest/globals';
import { parseRules } from '../../src/rules/parse.ts';
import { rulesText, SECOND } from '../stage.ts';
import { commitsOf, fileOf, openTeam, texts, thread } from './thread.ts';

// Who may do what by a comment, and what the repository's history shows of it.

const PEOPLE = {
  alice: 'admin',
  wendy: 'write',
  rita: 'read',
  mallory: 'none',
  'renovate[bot]': 'bot',
} as const;
type Login = keyof typeof PEOPLE;

/** In an order in which each changes something. */
const CHANGES = [
  'autoscale allow c5.xlarge --max 1',
  'autoscale allow c5.xlarge --max 0',
  'autoscale disable',
  'autoscale enable',
  'autoscale clear',
];
const READS = ['autoscale info', 'autoscale explain', 'runners', 'help', 'help autoscale allow'];
const NEVER = ['aws info', 'aws configure', 'aws clear'];

const may = (login: Login, line: string): boolean => {
  const has = PEOPLE[login];
  if (NEVER.includes(line) || has === 'none' || has === 'bot') return false;
  return READS.includes(line) || has !== 'read';
};

describe.each(Object.keys(PEOPLE) as Login[])('%s', (login) => {
  test('is answered as their permission says, and only what they may is in the history', async () => {
    const stage = await openTeam();
    for (const line of [...CHANGES, ...READS, ...NEVER]) {
      const before = commitsOf(stage);
      // Each in a thread of its own, where a refusal is still said.
      const { comment, reply } = await thread(stage, line).say(`/dstack ${line}`, login);
      const [head] = commitsOf(stage);
      const added = commitsOf(stage).length - before.length;
      expect([line, added]).toEqual([line, may(login, line) && CHANGES.includes(line) ? 1 : 0]);
      if (login === 'renovate[bot]') {
        expect([reply, comment.reactionLog]).toEqual(['', []]);
        continue;
      }
      const last = may(login, line) ? 'rocket' : 'confused';
      expect([line, ...comment.reactionLog]).toEqual([line, 'eyes', last]);
      expect(reply).not.toBe('');
      if (added === 0) continue;
      expect(head?.author).toMatch(/\[bot\]$/);
      expect(head?.message).toContain(`dstack ${line}`);
      expect(head?.message).toContain(`@${login}`);
      expect(head?.message).toContain(`#issuecomment-${comment.id}`);
      expect(reply).toContain(head?.sha.slice(0, 7));
    }
  });
});

test.each([
  [1, 1],
  [1, 2],
  [2, 1],
  [2, 2],
  [2, 3],
])(
  'the same rule thrice at once, with %s processes (seed %s): one valid file, three true replies',
  async (replicas, seed) => {
    const stage = await openTeam(rulesText({}), { replicas, seed });
    const { issues } = stage.github;
    const [one, other] = [issues.addIssue(stage.repo, {}), issues.addIssue(stage.repo, {})];
    const ask = (issue: number, max: number) =>
      issues.addComment(
        stage.repo,
        issue,
        `/dstack autoscale allow m5.xlarge --max ${max}`,
        'wendy',
      );
    ask(one.number, 1);
    ask(one.number, 1);
    ask(other.number, 2);
    await stage.pass(90 * SECOND);
    const text = fileOf(stage) ?? '';
    const parsed = parseRules(text);
    const rules = parsed.ok ? parsed.rules.rules.map(({ type, max }) => [type, max]) : [];
    expect(rules).toEqual([['m5.xlarge', expect.any(Number)]]);
    const replies = [...texts(stage, one.number), ...texts(stage, other.number)].filter((reply) =>
      reply.includes('dstack reply'),
    );
    expect(replies).toHaveLength(3);
    // Each says what it made of the file, and the last of them is what the file says.
    const made = commitsOf(stage).filter(({ message }) => message.startsWith('dstack '));
    for (const { sha, message } of made) {
      const [reply] = replies.filter((one) => one.includes(sha.slice(0, 7)));
      expect(reply).toContain(`at most ${/--max (\d)/.exec(message)?.[1]}`);
    }
    const unchanged = replies.filter((reply) => reply.includes('Nothing was changed'));
    expect(unchanged.length + made.length).toBe(3);
    for (const reply of unchanged) expect(reply).toMatch(/m5\.xlarge: at most \d already\./);
    expect(made[0]?.message).toContain(`--max ${rules[0]?.[1]}`);
  },
);
