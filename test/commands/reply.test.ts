import { describe, expect, test } from '@jest/globals';
import { replyMarkdown, sectionMarkdown } from '../../src/commands/reply.ts';
import { costLine } from '../../src/commands/reply-rules.ts';
import type { EndedRow, MachineRow, Outcome, RulesState } from '../../src/model/outcome.ts';

const AS_OF = Date.UTC(2026, 10, 24, 14, 24, 5);
const MINUTE = 60_000;
const URL = 'https://github.example/acme/app';

const aRow = {
  type: 'm5.xlarge',
  region: 'eu-west-1',
  market: 'spot',
  nowUsd: 0.0812,
  atMostUsd: 0.214,
  inUse: 2,
  max: 4,
  status: 'OK',
} as const;

const aState: RulesState = {
  enabled: true,
  rows: [aRow],
  held: [],
  monthUsd: 41.18,
  unpriced: 0,
  month: { jobs: 812, machineMs: 131.4 * 60 * MINUTE },
  budgetUsd: null,
  asOf: AS_OF,
};

const aMachine: MachineRow = {
  id: 'i-0ab3',
  type: 'm5.xlarge',
  zone: 'eu-west-1b',
  market: 'spot',
  state: 'busy',
  reason: '',
  job: { id: 7, name: 'test / unit', url: `${URL}/job/7` },
  upMs: 6 * MINUTE,
  usd: 0.0081,
};

const cutJob = (i: number): EndedRow => ({
  id: `i-${i}`,
  type: 'm5.xlarge',
  isCut: true,
  job: { id: i, name: `job ${i}`, url: `${URL}/job/${i}` },
  ranMs: 192_000,
});

const aChange = {
  kind: 'changed',
  head: 'm5.xlarge: at most 4 (was 2). Machines start when jobs ask for them.',
  state: aState,
  ended: [],
  place: { kind: 'commit', name: '3f2a91c0ffee', url: `${URL}/commit/3f2a91c`, branch: 'main' },
  undo: 'autoscale allow m5.xlarge --max 2',
  notes: [],
} as const satisfies Outcome;

const TABLE = `\
| Type | Region | Market | Price now | At most | In use / max | Status |
|---|---|---|--:|--:|--:|---|
| m5.xlarge | eu-west-1 | spot | $0.0812/h | $0.214/h | 2 / 4 | OK |`;

describe('a change', () => {
  test('has what holds, the table, the worst case, the commit and the way back', () => {
    expect(sectionMarkdown(aChange)).toBe(`\
**m5.xlarge: at most 4 (was 2). Machines start when jobs ask for them.**

${TABLE}

All rules at their maximum: **$0.325/hour** at today's prices, never more than **$0.856/hour ($624.88/month)**. This month so far: $41.18.

<sub>[\`3f2a91c\`](${URL}/commit/3f2a91c) on \`main\` · 2026-11-24 14:24 UTC · undo: \`/dstack autoscale allow m5.xlarge --max 2\`</sub>`);
  });

  test('links each job that was cut, and folds many', () => {
    const one = sectionMarkdown({ ...aChange, ended: [cutJob(1)] });
    expect(one).toContain('** Ended 1 machine; 1 job was interrupted.');
    expect(one).toContain(`Ended: \`i-1\` (ran [job 1](${URL}/job/1) for 3 min 12 s)`);
    const ended = Array.from({ length: 100 }, (_, i) => cutJob(i));
    const many = sectionMarkdown({ ...aChange, ended });
    for (const { job } of ended) expect(many).toContain(`(${job?.url})`);
    expect(many).toContain('<details>');
  });

  test.each([
    ['pull', '88', 'asked for in [#88](https://x/88), because `main` is protected'],
    ['lifted', '88', '[#88](https://x/88), which asked for something else, is closed'],
    ['lifted', '', 'what was held against the file is let go'],
    ['held', 'GitHub: 403 no', 'not committed (GitHub: 403 no), and in force all the same'],
  ] as const)('that is %s %s says where it is', (kind, name, words) => {
    const place = { kind, name, url: `https://x/${name}`, branch: 'main' };
    expect(sectionMarkdown({ ...aChange, place })).toContain(words);
  });

  test('says what of the budget is spent, and what is in force besides the file', () => {
    const held = ['m5.xlarge in eu-west-1 is held at 1 until #88 is merged or closed.'];
    const state = { ...aState, budgetUsd: 50, held };
    const text = sectionMarkdown({ ...aChange, state });
    expect(text).toContain('This month so far: $41.18 of the budget of $50.00.');
    const sums = [1, 2].map((unpriced) => costLine({ ...state, unpriced }));
    expect(sums[0]).toMatch(/tells no price of 1 machine: only its disk and address are in it\.$/);
    expect(sums[1]).toMatch(/tells no price of 2 machines: only their disk and address are in it/);
    expect(text).toContain(held[0]);
  });
});

test('info has rules, waiting jobs with reasons, machines, the money and the calls', () => {
  const wait = {
    job: { id: 9, name: 'train / gpu', url: `${URL}/job/9` },
    since: AS_OF - 4 * MINUTE,
    labels: ['dstack', 'gpu=A10G'],
    code: 'no-capacity',
    reason: 'No spot capacity for g5.xlarge; next try 14:27.',
  };
  const text = sectionMarkdown({
    kind: 'info',
    state: aState,
    waits: [wait],
    machines: [aMachine],
    rules: { commit: '3f2a91c0ffee', url: `${URL}/blob/main/.github/dstack.yml` },
    calls: { used: 214, limit: 5000 },
    spent: { github: { work: 93, healing: 8, free: 240, healingMost: 500 }, ec2Writes: 31 },
  });
  expect(text).toBe(`\
**1 job waits, 1 machine runs.** Autoscaling is on · rules of [\`3f2a91c\`](${URL}/blob/main/.github/dstack.yml)

${TABLE}

| Waiting | Since | Wants | Reason |
| --- | --- | --- | --- |
| [train / gpu](${URL}/job/9) | 14:20:05 | dstack gpu=A10G | No spot capacity for g5.xlarge; next try 14:27. |

All rules at their maximum: **$0.325/hour** at today's prices, never more than **$0.856/hour ($624.88/month)**. This month so far: $41.18. That was 812 jobs and 131 machine-hours.

<details><summary>Machines</summary>

| Machine | Type | State | Job | Up | Cost |
| --- | --- | --- | --- | --- | --- |
| \`i-0ab3\` | m5.xlarge eu-west-1b | busy | [test / unit](${URL}/job/7) | 6 min 0 s | $0.0081 |

</details>

<sub>Calls of the last hour: 93 to GitHub for work, 8 of at most 500 to find what was lost, 240 unchanged and free; 31 to EC2 that changed something.</sub>

<sub>as of 2026-11-24 14:24 UTC · 214 of 5000 calls to GitHub used in this hour · \`/dstack autoscale explain\`</sub>`);
});

test('a job is explained by what ran it, for how long, and what that cost', () => {
  const { job = { id: 7, name: '', url: '' } } = { job: aMachine.job ?? undefined };
  const machine = { ...aMachine, priceUsd: 0.0812, shape: null };
  const times = { waitedMs: 38_000, ranMs: 5 * MINUTE };
  const told = { job, state: 'success', text: '', ...times, machine };
  expect(sectionMarkdown({ kind: 'explain', told: [told] })).toBe(
    `**[test / unit](${URL}/job/7)** success after 5 min 0 s, having waited 38 s. On \`i-0ab3\` (m5.xlarge spot, eu-west-1b), $0.0081.`,
  );
});

test('a refusal keeps the address where more is asked for', () => {
  const url = 'https://eu-west-1.console.aws.amazon.com/servicequotas/L-34B43A08';
  const text = 'One m5.xlarge needs 4 vCPUs; the spot quota L-34B43A08 of eu-west-1 is 0.';
  expect(sectionMarkdown({ kind: 'refused', text, url })).toBe(
    `**${text}** Nothing was changed. [Ask for more here](${url}).`,
  );
});

test('names that people chose do nothing in a reply', () => {
  const job = { id: 1, name: '@acme/all | </details> [x](http://evil)', url: `${URL}/job/1` };
  const text = sectionMarkdown({
    kind: 'runners',
    machines: [{ ...aMachine, job }],
    asOf: AS_OF,
  });
  expect(text).not.toMatch(/@acme|<\/details>|\]\(http:\/\/evil| \| <|[^\\]\| *\\</);
});

test('no reply is longer than GitHub takes, and it ends with our mark', () => {
  const ended = Array.from({ length: 1000 }, (_, i) => cutJob(i));
  const outcomes = Array.from({ length: 20 }, () => ({ ...aChange, ended }));
  const reply = replyMarkdown({ comment: 2981, outcomes, leftOut: 980 });
  expect(reply.length).toBeLessThan(65_536);
  expect(reply).toContain('The rest was cut');
  expect(reply.split('<details>').length).toBe(reply.split('</details>').length);
  expect(reply).toMatch(/<!-- dstack reply comment=2981 v=1 -->\n$/);
});
