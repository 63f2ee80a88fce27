import { expect, test } from '@jest/globals';
import { isDone, isRunning, MINUTE, R, REGION, rulesText, SECOND } from '../stage.ts';
import { commitsOf, fileOf, openTeam, texts, thread } from './thread.ts';

test('allow is one commit that names who asked, and the reply has the table and the worst case', async () => {
  const stage = await openTeam();
  const { comment, reply } = await thread(stage).say('/dstack autoscale allow c5.xlarge --max 2');
  const [commit] = commitsOf(stage);
  expect(fileOf(stage)).toContain('instance-type: c5.xlarge\n      max: 2');
  expect(commit?.message).toContain('alice');
  expect(reply).toContain('c5.xlarge: at most 2');
  expect(reply).toContain('| m5.large | eu-west-1 |');
  expect(reply).toMatch(/\$\d+\.\d+\/hour.*\/month/);
  expect(reply).toContain(commit?.sha.slice(0, 7));
  expect(comment.reactionLog).toEqual(['eyes', 'rocket']);
  expect(comment.reactions.map(({ content }) => content)).toEqual(['rocket']);
});

test('what a command allows is in force for the next job', async () => {
  const stage = await openTeam(rulesText({}));
  const jobs = stage.addJobs(1);
  await stage.pass(30 * SECOND);
  expect(stage.live()).toHaveLength(0);
  await thread(stage).say('/dstack autoscale allow m5.large --max 1');
  await stage.until(isDone(jobs), 10 * MINUTE);
});

test.each([
  ['rita', 'write access'],
  ['mallory', 'no access'],
])('%s may not change the rules, and is told what it takes', async (login, words) => {
  const stage = await openTeam();
  const before = fileOf(stage);
  const { comment, reply } = await thread(stage).say('/dstack autoscale clear', login);
  expect(fileOf(stage)).toBe(before);
  expect(reply).toContain(words);
  expect(comment.reactionLog).toEqual(['eyes', 'confused']);
});

test('a person is refused once an hour in a thread, then only by a reaction', async () => {
  const stage = await openTeam();
  const { say } = thread(stage);
  expect((await say('/dstack autoscale clear', 'rita')).reply).not.toBe('');
  const again = await say('/dstack autoscale clear', 'rita');
  expect(again.reply).toBe('');
  expect(again.comment.reactionLog).toContain('confused');
  expect(stage.calls.get('github.permission')).toBe(1);
  // What still works goes on working.
  expect((await say('/dstack autoscale info', 'rita')).reply).toContain(
    'No jobs wait, no machines run.',
  );
  expect((await thread(stage, 'another').say('/dstack autoscale clear', 'rita')).reply).not.toBe(
    '',
  );
});

test.each([
  '> /dstack autoscale clear',
  '```\n/dstack autoscale clear\n```',
  'Say /dstack autoscale clear some day',
])('nothing is said or done to %j', async (body) => {
  const stage = await openTeam();
  const before = fileOf(stage);
  const { comment, reply } = await thread(stage).say(body);
  expect([reply, comment.reactionLog, fileOf(stage)]).toEqual(['', [], before]);
});

test('a bot is not heard', async () => {
  const stage = await openTeam();
  const { comment, reply } = await thread(stage).say('/dstack autoscale clear', 'renovate[bot]');
  expect([reply, comment.reactionLog]).toEqual(['', []]);
});

test('several commands get one reply with a section for each, and a wrong one stops no other', async () => {
  const stage = await openTeam();
  const body = '/dstack autoscale allow c5.xlarge --max 1\n/dstack autoscale alow\n/dstack runners';
  const { comment, reply } = await thread(stage).say(body);
  expect(reply.match(/dstack reply comment=/g)).toHaveLength(1);
  expect(reply).toContain('2 done, 1 refused');
  expect(reply).toContain('c5.xlarge: at most 1');
  expect(reply).toContain('allow');
  expect(fileOf(stage)).toContain('c5.xlarge');
  expect(comment.reactionLog).toEqual(['eyes', 'confused']);
});

test('a lower maximum ends the surplus before it is committed, and links the cut job', async () => {
  const stage = await openTeam();
  const jobs = stage.addJobs(3, { durationMs: 60 * MINUTE });
  await stage.until(isRunning(jobs), 10 * MINUTE);
  await stage.pass(MINUTE);
  const { reply } = await thread(stage).say('/dstack autoscale allow m5.large --max 1');
  expect(stage.live()).toHaveLength(1);
  expect(reply).toContain('Ended 2 machines; 2 jobs were interrupted.');
  expect(reply).toMatch(/ran \[job-\d\]\(https:\/\/github\.example\/acme\/app\/actions\/runs/);
});

test('a job of which only its machine has spoken counts as interrupted too', async () => {
  const stage = await openTeam();
  stage.knobs.hookFault = ({ event, action }) =>
    event === 'workflow_job' && action === 'in_progress'
      ? { kind: 'delay', ms: MINUTE }
      : undefined;
  const jobs = stage.addJobs(1, { durationMs: 60 * MINUTE });
  await stage.until(isRunning(jobs), 10 * MINUTE);
  await stage.pass(5 * SECOND);
  const { reply } = await thread(stage).say('/dstack autoscale disable');
  expect(reply).toContain('Ended 1 machine; 1 job was interrupted.');
  expect(reply).toMatch(/\(ran a job that GitHub has not named yet for \d+ s\)/);
});

test.each([
  ['clear', 'rules: []'],
  ['disable', 'enabled: false'],
])('%s ends all machines within ten seconds of the comment', async (command, text) => {
  const stage = await openTeam();
  const jobs = stage.addJobs(3, { durationMs: 60 * MINUTE });
  await stage.until(isRunning(jobs), 10 * MINUTE);
  const { number } = stage.github.issues.addIssue(stage.repo, {});
  stage.github.issues.addComment(stage.repo, number, `/dstack autoscale ${command}`, 'alice');
  await stage.until(() => stage.live().length === 0, 10 * SECOND);
  await stage.pass(30 * SECOND);
  expect(fileOf(stage)).toContain(text);
});

test('machines of two regions end at the same time, though each call to EC2 takes six seconds', async () => {
  const rules = [REGION, 'us-east-1'].map(
    (region) => `    - {instance-type: m5.large, region: ${region}, max: 1}\n`,
  );
  const stage = await openTeam(`autoscale:\n  rules:\n${rules.join('')}`);
  await stage.pass(R + 20 * SECOND);
  const jobs = stage.addJobs(2, { durationMs: 60 * MINUTE });
  await stage.until(isRunning(jobs), 10 * MINUTE);
  stage.knobs.fault = ({ name }) =>
    name === 'ec2.terminate' ? { kind: 'slow', ms: 6 * SECOND } : undefined;
  const { number } = stage.github.issues.addIssue(stage.repo, {});
  stage.github.issues.addComment(stage.repo, number, '/dstack autoscale disable', 'alice');
  await stage.until(() => stage.live().length === 0, 10 * SECOND);
});

test('two commands at the same moment both hold, and each is answered', async () => {
  const stage = await openTeam();
  const { issues } = stage.github;
  const [one, other] = [issues.addIssue(stage.repo, {}), issues.addIssue(stage.repo, {})];
  issues.addComment(stage.repo, one.number, '/dstack autoscale allow c5.xlarge --max 1', 'alice');
  issues.addComment(stage.repo, other.number, '/dstack autoscale allow r6i.large --max 2', 'wendy');
  await stage.pass(MINUTE);
  expect(texts(stage, one.number).at(-1)).toContain('c5.xlarge: at most 1');
  expect(texts(stage, other.number).at(-1)).toContain('r6i.large: at most 2');
  expect(fileOf(stage)).toContain('instance-type: c5.xlarge\n      max: 1');
  expect(fileOf(stage)).toContain('instance-type: r6i.large\n      max: 2');
});

test('a protected branch gets a pull request, and what restricts holds until it is closed', async () => {
  const stage = await openTeam();
  const { github, repo } = stage;
  github.commits.protect(repo);
  const head = commitsOf(stage)[0]?.sha;
  const { reply } = await thread(stage).say('/dstack autoscale allow m5.large --max 1');
  const [pull] = github.pulls.all(repo);
  expect(commitsOf(stage)[0]?.sha).toBe(head);
  expect(reply).toContain(`#${pull?.issue.number}`);
  expect(fileOf(stage, pull?.head)).toContain('max: 1');
  stage.addJobs(3, { durationMs: 60 * MINUTE });
  await stage.pass(3 * MINUTE);
  expect(stage.live()).toHaveLength(1);
  github.pulls.closePull(repo, pull?.issue.number ?? 0);
  await stage.pass(3 * MINUTE);
  expect(stage.live()).toHaveLength(3);
});

test('a command that comes late changes nothing and says so', async () => {
  const stage = await openTeam();
  const before = fileOf(stage);
  stage.kill();
  const { number } = stage.github.issues.addIssue(stage.repo, {});
  stage.knobs.hookFault = () => ({ kind: 'delay', ms: 20 * MINUTE });
  const comment = stage.github.issues.addComment(
    stage.repo,
    number,
    '/dstack autoscale clear',
    'alice',
  );
  stage.start();
  await stage.pass(25 * MINUTE);
  expect(fileOf(stage)).toBe(before);
  expect(texts(stage, number).join('\n')).toContain('15 minutes');
  expect(comment.reactionLog).toContain('confused');
});

test('a crash in the middle of an answer leaves one answer and one change', async () => {
  for (const ms of [300, 900, 1_800, 3_000, 5_000]) {
    const stage = await openTeam();
    const { number } = stage.github.issues.addIssue(stage.repo, {});
    const body = '/dstack autoscale allow c5.xlarge --max 2';
    stage.github.issues.addComment(stage.repo, number, body, 'alice');
    await stage.pass(ms);
    stage.kill();
    await stage.pass(SECOND);
    stage.start();
    await stage.pass(3 * MINUTE);
    const replies = texts(stage, number).filter((text) => text.includes('dstack reply'));
    expect(replies).toHaveLength(1);
    expect(fileOf(stage)?.match(/c5\.xlarge/g)).toHaveLength(1);
  }
});

test('after a crash, while GitHub does not say whether the answer stands there, it is not given again', async () => {
  const stage = await openTeam();
  const { number } = stage.github.issues.addIssue(stage.repo, {});
  stage.github.issues.addComment(stage.repo, number, '/dstack autoscale info', 'alice');
  const replies = () => texts(stage, number).filter((text) => text.includes('dstack reply'));
  stage.knobs.fault = ({ name }) => {
    // It is there, and nobody knows yet.
    if (name === 'github.comment') stage.kernel.at(0, 'crash', () => stage.kill());
    return name === 'github.findComment' ? { kind: 'throttled' } : undefined;
  };
  await stage.until(() => replies().length === 1, MINUTE);
  stage.start();
  await stage.pass(3 * MINUTE);
  expect(stage.calls.get('github.findComment')).toBeGreaterThan(0);
  stage.knobs.fault = () => undefined;
  await stage.pass(3 * MINUTE);
  expect(replies()).toHaveLength(1);
  expect(await stage.store.unapplied(9)).toEqual([]);
});

test('info says what waits and why, what it costs, and what runs', async () => {
  const stage = await openTeam(rulesText({ 'm5.large': 1 }));
  const jobs = stage.addJobs(2, { durationMs: 30 * MINUTE });
  await stage.until(() => jobs.some((job) => job.facts.now.state === 'in_progress'), 10 * MINUTE);
  const { reply } = await thread(stage).say('/dstack autoscale info', 'rita');
  expect(reply).toContain('1 job waits, 1 machine runs.');
  expect(reply).toContain('1 / 1');
  expect(reply).toMatch(/m5\.large in eu-west-1: 1 of 1 machines in use/);
});

test('info says how many jobs and machine-hours the money of the month went to', async () => {
  const stage = await openTeam();
  await stage.until(isDone(stage.addJobs(3, { durationMs: 60 * MINUTE })), 90 * MINUTE);
  const { reply } = await thread(stage).say('/dstack autoscale info', 'rita');
  expect(reply).toMatch(
    /This month so far: \$0\.\d+\. That was 3 jobs and 3\.[01] machine-hours\./,
  );
});

test('a job that no rule can serve is told so on its commit at once, and again when one can', async () => {
  const stage = await openTeam();
  stage.addJobs(1, { labels: ['dstack', 'r6i.large'] });
  await stage.pass(15 * SECOND);
  const checks = () =>
    [...stage.repo.talk.checks.values()].filter(({ name }) => name === 'dstack / queue');
  expect(checks()).toMatchObject([{ conclusion: 'failure' }]);
  expect(checks()[0]?.title).toContain('r6i.large');
  await thread(stage).say('/dstack autoscale allow r6i.large --max 1');
  await stage.pass(2 * R);
  expect(checks()).toMatchObject([
    { conclusion: 'neutral', title: 'A machine is coming for every job that waited' },
  ]);
});

test('nothing is launched when the month is spent, and the reason names the budget', async () => {
  const stage = await openTeam(rulesText({ 'm5.large': 4 }, 'budget: 0.03'));
  const jobs = stage.addJobs(1, { durationMs: 60 * MINUTE });
  await stage.until(isDone(jobs), 90 * MINUTE);
  stage.addJobs(1);
  await stage.pass(MINUTE);
  const spent = await stage.reasons();
  expect(spent).toEqual(['budget']);
});

test('a disk counts for the budget, also where it costs more than its machine', async () => {
  const rules = rulesText({ 'm5.large': 4 }, 'budget: 0.09');
  const stage = await openTeam(`${rules}      disk: 500GB\n`);
  const jobs = stage.addJobs(1, { durationMs: 60 * MINUTE });
  await stage.until(isDone(jobs), 90 * MINUTE);
  stage.addJobs(1);
  await stage.pass(MINUTE);
  expect(await stage.reasons()).toEqual(['budget']);
});
