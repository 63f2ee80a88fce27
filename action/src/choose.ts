import { fieldsOf, textOf } from '../../src/model/github-json.ts';
import { ask } from './ask.ts';
import type { Inputs } from './inputs.ts';
import { type Io, isTrouble, type Trouble } from './io.ts';
import { mayAsk } from './sign-in.ts';

/** Where jobs are to run, and why there. */
interface Choice {
  /** JSON for `runs-on`. */
  readonly runsOn: string;
  readonly isFallback: boolean;
  readonly reason: string;
  /** The app does not answer: worth a warning, since nobody meant that. */
  readonly isUnmeant: boolean;
}

/** Our labels when a machine would come now, else the fallback; an app that is down is no reason to stop. */
export async function choose(io: Io, inputs: Inputs): Promise<Trouble | undefined> {
  const choice = await choiceOf(io, inputs);
  if (isTrouble(choice)) return choice;
  const { runsOn, isFallback, reason, isUnmeant } = choice;
  if (isUnmeant) io.runner.annotate('warning', `runs-on is ${runsOn}: ${reason}`);
  else io.runner.say(`runs-on is ${runsOn}: ${reason}`);
  io.runner.output('runs-on', runsOn);
  io.runner.output('is-fallback', String(isFallback));
  io.runner.output('reason', reason);
  return undefined;
}

async function choiceOf(io: Io, { url, runsOn, fallback }: Inputs): Promise<Choice | Trouble> {
  const instead = (reason: string, isUnmeant = false): Choice => ({
    ...{ runsOn: fallback, isFallback: true, reason, isUnmeant },
  });
  if (!mayAsk(io) && isFromFork(io)) {
    return instead('GitHub gives a pull request from a fork no token, so the app is not asked.');
  }
  const said = await ask(io, url, `autoscale explain --runs-on=${runsOn.join(',')}`);
  if (isTrouble(said)) return said.isOutage ? instead(said.what, true) : said;
  const { kind, isServed, text } = said.data;
  if (kind !== 'foreseen') {
    const hint = kind === 'error' ? 'the app may be older than this action: ' : '';
    return { what: `${hint}${said.text.trim()}`, isOutage: false };
  }
  const reason = textOf(text) ?? '';
  if (isServed !== true) return instead(reason);
  return { runsOn: JSON.stringify(runsOn), isFallback: false, reason, isUnmeant: false };
}

/** As GitHub wrote the event down; a fork that was deleted is one all the same. */
function isFromFork({ env, read }: Io): boolean {
  const event = read(env['GITHUB_EVENT_PATH'] ?? '');
  if (event === undefined) return false;
  const { pull_request: pull, repository } = fieldsOf(JSON.parse(event));
  if (pull === undefined) return false;
  const head = fieldsOf(fieldsOf(fieldsOf(pull)['head'])['repo']);
  return head['id'] !== fieldsOf(repository)['id'];
}
