import { expect, test } from '@jest/globals';
import type { Fault } from '../../src/sandbox/kernel.ts';
import { MINUTE, SECOND, type Stage } from '../stage.ts';
import { commitsOf, fileOf, openTeam, texts } from './thread.ts';

// Whatever goes wrong while a command is answered: it is done, and answered, and both once.

const ALLOW = '/dstack autoscale allow c5.xlarge --max 2';

function say(stage: Stage) {
  const { issues } = stage.github;
  const { number } = issues.addIssue(stage.repo, {});
  const comment = issues.addComment(stage.repo, number, ALLOW, 'alice');
  const replies = () => texts(stage, number).filter((text) => text.includes('dstack reply'));
  return { comment, replies };
}

/** By now whatever was not let do it has tried again. */
const LATER_MS = 5 * MINUTE;

test.each<[string, Fault['kind']]>([
  ['permission', 'lost-request'],
  ['permission', 'lost-answer'],
  ['permission', 'throttled'],
  ['comment', 'lost-request'],
  ['comment', 'lost-answer'],
  ['comment', 'throttled'],
])('a command is done and answered once when GitHub has a hiccup: %s %s', async (call, kind) => {
  const stage = await openTeam();
  stage.knobs.fault = ({ name, nth }) =>
    name === `github.${call}` && nth === 1 ? { kind } : undefined;
  const before = commitsOf(stage).length;
  const { comment, replies } = say(stage);
  await stage.pass(LATER_MS);
  expect(replies()).toEqual([expect.stringContaining('c5.xlarge: at most 2')]);
  expect(fileOf(stage)).toContain('instance-type: c5.xlarge\n      max: 2');
  expect(commitsOf(stage)).toHaveLength(before + 1);
  expect(comment.reactions.map(({ content }) => content)).toEqual(['rocket']);
});

test('a command waits for as long as GitHub is down, and is answered then', async () => {
  const stage = await openTeam();
  stage.knobs.fault = ({ name }) =>
    name.startsWith('github.') ? { kind: 'lost-request' } : undefined;
  const { replies } = say(stage);
  await stage.pass(8 * MINUTE);
  expect(replies()).toEqual([]);
  stage.knobs.fault = () => undefined;
  await stage.pass(LATER_MS);
  expect(replies()).toEqual([expect.stringContaining('c5.xlarge: at most 2')]);
});

test.each(['permission', 'commitFile'])(
  'a process that sleeps over an answer (%s) leaves it to the one that took it over',
  async (call) => {
    const stage = await openTeam(undefined, { replicas: 2 });
    const asleep: string[] = [];
    stage.knobs.fault = ({ name, process }) => {
      const its = stage.apps.get(process)?.process;
      if (name === `github.${call}` && its && asleep.length === 0) {
        asleep.push(process);
        stage.kernel.pause(its, 3 * MINUTE);
      }
      return undefined;
    };
    const { comment, replies } = say(stage);
    await stage.pass(SECOND);
    // It reads what is not answered yet, and waits until the other's turn is over.
    stage.start('app2');
    await stage.pass(2 * MINUTE);
    expect(asleep).toHaveLength(1);
    expect(replies()).toHaveLength(1);
    await stage.pass(LATER_MS);
    expect(replies()).toHaveLength(1);
    expect(fileOf(stage)?.match(/c5\.xlarge/g)).toHaveLength(1);
    expect(comment.reactions.map(({ content }) => content)).toEqual(['rocket']);
  },
);
