import { describe, expect, test } from '@jest/globals';
import { R, rulesText, SECOND } from '../stage.ts';
import { commitsOf, fileOf, openTeam, thread } from './thread.ts';

// What people type, and what they make of their repository: always a reply that teaches, never half a
// file. The grammar and the editor have tables and fuzzers of their own.

const LONGEST = 65_536;
const PATH = '.github/dstack.yml';

describe('a comment', () => {
  test('of the greatest length is read to its end', async () => {
    const stage = await openTeam();
    const command = '\n\n/dstack autoscale allow c5.xlarge --max 1';
    const body = `${'prose '.repeat(LONGEST).slice(0, LONGEST - command.length)}${command}`;
    const { reply } = await thread(stage).say(body);
    expect(reply).toContain('c5.xlarge: at most 1');
  });

  test('that is one line of the greatest length is answered shortly', async () => {
    const stage = await openTeam();
    const { reply } = await thread(stage).say('/dstack autoscale allow '.padEnd(LONGEST, 'x'));
    expect(reply).toContain('at most 1000 characters');
    expect(reply.length).toBeLessThan(2_000);
  });

  test('with a thousand commands gets one reply, and says how many were not run', async () => {
    const stage = await openTeam();
    const lines = Array.from({ length: 1000 }, () => '/dstack autoscale info');
    const { comment, reply } = await thread(stage).say(lines.join('\n'));
    expect(reply.match(/dstack reply comment=/g)).toHaveLength(1);
    expect(reply).toContain('980 more commands were not run');
    expect(reply.length).toBeLessThan(LONGEST);
    expect(comment.reactionLog).toEqual(['eyes', 'confused']);
  });

  test.each(['-1', '1e9', '\u0661', '1.5', '1001', '0x10', 'NaN', '1_000', '""', '\u00b2'])(
    'with the number %s changes nothing, and shows one that works',
    async (max) => {
      const stage = await openTeam();
      const before = commitsOf(stage).length;
      const { comment, reply } = await thread(stage).say(
        `/dstack autoscale allow m5.large --max ${max}`,
      );
      expect(reply).toMatch(/--max/);
      expect(reply).toContain('Nothing was changed.');
      expect(reply).toMatch(/Try `\/dstack autoscale allow m5\.\w+ --max \d+`/);
      expect(comment.reactionLog).toContain('confused');
      expect(commitsOf(stage)).toHaveLength(before);
    },
  );

  test.each([
    '/dstack autoscale allow m5.large \u2014max 2',
    '/dstack autoscale allow m5.large \u2013\u2013max \u201c2\u201d',
    '/dstack autoscale allow \u2018m5.large\u2019 \u2014max=2',
    '/dstack Autoscale Allow M5.Large --Max 2',
  ])('of a phone is read as it was meant: %s', async (line) => {
    const stage = await openTeam();
    const { reply } = await thread(stage).say(line);
    expect(reply).toContain('m5.large: at most 2');
    expect(fileOf(stage)).toContain('max: 2');
  });

  test.each(['$(reboot)', '`id`;rm', '[x](http://evil)', '@acme/all', '<img/src=x>', '../../etc'])(
    'with the type %s quotes it so that it does nothing',
    async (type) => {
      const stage = await openTeam();
      const before = commitsOf(stage).length;
      const { reply } = await thread(stage).say(`/dstack autoscale allow ${type} --max 1`);
      const [head = ''] = reply.split('\n');
      expect(head).toContain('is not an EC2 instance type');
      expect(head).not.toMatch(/(?<!\\)[`<[]|@acme|http:/);
      expect(commitsOf(stage)).toHaveLength(before);
    },
  );
});

describe('a rules file', () => {
  const allow = '/dstack autoscale allow c5.xlarge --max 1';
  const good = rulesText({ 'm5.large': 4 });

  test.each([
    ['CRLF', good.replaceAll('\n', '\r\n'), /\r\n {4}- instance-type: c5\.xlarge\r\n/],
    ['a BOM', `\ufeff${good}`, /^\ufeffautoscale/],
    ['no end of line', good.trimEnd(), /c5\.xlarge/],
  ])('with %s keeps it when it is edited', async (_, text, expected) => {
    const stage = await openTeam(text);
    const { reply } = await thread(stage).say(allow);
    expect(reply).toContain('c5.xlarge: at most 1');
    expect(fileOf(stage)).toMatch(expected);
  });

  test.each([
    ['tabs', 'autoscale:\n\tregion: eu-west-1\n'],
    ['a key twice', `${good}  region: us-east-1\n`],
    ['a bomb', `a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nautoscale: *c\n`],
    ['something else', '[1, 2, 3]\n'],
  ])('with %s is not edited, and the reply names the line', async (_, text) => {
    const stage = await openTeam();
    stage.push(text);
    await stage.pass(30 * SECOND);
    const { comment, reply } = await thread(stage).say(allow);
    expect(reply).toContain('has errors, so it was not edited');
    expect(reply).toMatch(/line \d+:\d+/);
    expect(comment.reactionLog).toContain('confused');
    expect(fileOf(stage)).toBe(text);
  });

  test('that is a link to one is in force, and is not edited: that would break the link', async () => {
    const stage = await openTeam(null);
    const files = { 'ci/rules.yml': good, [PATH]: { link: '../ci/rules.yml' } };
    stage.github.repos.commit(stage.repo, files);
    await stage.pass(30 * SECOND);
    const before = commitsOf(stage).length;
    const { comment, reply } = await thread(stage).say(allow);
    expect(reply).toContain(
      'is a link, which a commit would break: edit the file that it leads to',
    );
    expect(comment.reactionLog).toContain('confused');
    const info = await thread(stage).say('/dstack autoscale info');
    expect(info.reply).toMatch(/\| m5\.large \|.*0 \/ 4/);
    expect([fileOf(stage), commitsOf(stage).length]).toEqual(['../ci/rules.yml', before]);
  });

  describe.each([
    ['a folder', { [`${PATH}/rules.yml`]: 'x\n', [PATH]: null }, /is a folder or a submodule/],
    [
      'a link to nothing',
      { [PATH]: { link: 'gone.yml' } },
      /is a link, which a commit would break/,
    ],
    ['a submodule', { [PATH]: { submodule: 'https://github.example/a/b' } }, /or a submodule/],
    ['too large', { [PATH]: `${good}#${'x'.repeat(1_000_000)}` }, /larger than 1 MB/],
  ])('that is %s from now on', (_, files, refusal) => {
    test('is not edited, and the reply says what to do', async () => {
      const stage = await openTeam();
      stage.github.repos.commit(stage.repo, files);
      await stage.pass(30 * SECOND);
      const before = commitsOf(stage).length;
      const { reply } = await thread(stage).say(allow);
      expect(reply).toMatch(refusal);
      expect(reply).toMatch(/put a .*file of text in its place/);
      expect(commitsOf(stage)).toHaveLength(before);
    });

    test('leaves the last in force, which its check says, and is not asked for at every tick', async () => {
      const stage = await openTeam();
      const sha = stage.github.repos.commit(stage.repo, files);
      await stage.pass(30 * SECOND);
      const [check] = stage.github.checks.of(stage.repo, sha);
      expect(check).toMatchObject({ name: 'dstack / rules', conclusion: 'failure' });
      expect(check?.title).toMatch(/^line 1: it is .*stay in force$/);
      expect(check?.summary).toMatch(/put a file of text in its place|make it smaller/);
      const asked = stage.calls.get('github.file') ?? 0;
      await stage.pass(2 * R);
      expect((stage.calls.get('github.file') ?? 0) - asked).toBeLessThanOrEqual(3);
      const info = await thread(stage).say('/dstack autoscale info');
      expect(info.reply).toContain('m5.large');
    });
  });
});

describe('a default branch', () => {
  const allow = '/dstack autoscale allow c5.xlarge --max 1';

  test('that was renamed is the one that is edited, also when nobody told us', async () => {
    const stage = await openTeam();
    const { repos } = stage.github;
    const text = fileOf(stage) ?? '';
    repos.commit(stage.repo, { '.github/dstack.yml': text }, 'trunk');
    stage.knobs.hookFault = ({ event }) => (event === 'repository' ? { kind: 'lost' } : undefined);
    repos.setDefaultBranch(stage.repo, 'trunk');
    const { reply } = await thread(stage).say(allow);
    expect(reply).toContain('on `trunk`');
    expect(fileOf(stage, 'trunk')).toContain('c5.xlarge');
    expect(fileOf(stage, 'main')).not.toContain('c5.xlarge');
  });

  test('that is empty is answered, and nothing breaks', async () => {
    const stage = await openTeam(null);
    stage.repo.branches.clear();
    const { comment, reply } = await thread(stage).say(`${allow} --region eu-west-1`);
    expect(reply).toContain('Nothing was changed.');
    expect(comment.reactionLog).toContain('confused');
  });
});
