import { COMMANDS } from '../commands/table.ts';
import type { Command } from '../model/command.ts';
import { fieldsOf, textOf } from '../model/github-json.ts';
import { EXIT, type Io, isTrouble, paint, paintError, type Trouble, tell } from './io.ts';
import type { Options } from './options.ts';
import { connectionOf, repoOf } from './place.ts';
import { withProgress } from './progress.ts';
import { createPrompter } from './prompt.ts';
import { type Answered, askServer, type Connection, troubleOf } from './server.ts';

const PATH = '/api/v1/command';

interface Asked {
  readonly command: Command;
  /** As it was typed. */
  readonly line: string;
  readonly options: Options;
}

/** A command about a repository: the app runs it, and its words are shown as they come. */
export async function runCommand(io: Io, { command, line, options }: Asked): Promise<number> {
  const repository = await repoOf(io, options);
  if (typeof repository !== 'string') return tell(io, repository);
  const to = await connectionOf(io, options);
  if (isTrouble(to)) return tell(io, to);
  const at = { to, repository };
  if (endsMachines(command) && io.isTty && !options.isYes) {
    const stop = await confirmed(io, at);
    if (stop !== undefined) return typeof stop === 'number' ? stop : tell(io, stop);
  }
  const name = COMMANDS[command.name].changes
    ? `Asking ${to.server} to change the rules`
    : 'Asking';
  const answer = await withProgress(io, name, () => ask(io, at, line));
  return isTrouble(answer) ? tell(io, answer) : show(io, answer, options);
}

interface At {
  readonly to: Connection;
  readonly repository: string;
}

const ask = (io: Io, { to, repository }: At, command: string): Promise<Answered | Trouble> =>
  askServer(io, to, { method: 'POST', path: PATH, body: { repository, command } });

/** Words for people on standard output, refusals on standard error; data for programs. */
function show(io: Io, answer: Answered, { isJson }: Options): number {
  const { ok, text, data } = answer.body;
  const words = textOf(text);
  if (words === undefined || data === undefined) return tell(io, troubleOf(answer));
  const isUsage = fieldsOf(data)['kind'] === 'error';
  const exit = ok === true ? EXIT.done : isUsage ? EXIT.usage : EXIT.failed;
  if (isJson) io.stdout.write(`${JSON.stringify(data)}\n`);
  else if (ok === true) io.stdout.write(colored(io, words));
  else if (isUsage) io.stderr.write(paintError(io, words));
  else return tell(io, { exit, what: words.trimEnd() });
  return exit;
}

/** The first line is the outcome; a table's head is in capitals. */
function colored(io: Io, words: string): string {
  return words
    .split('\n')
    .map((text, at) => {
      if (at === 0) return paint(io, 'stdout', { style: 'bold', text });
      return HEAD.test(text) ? paint(io, 'stdout', { style: 'dim', text }) : text;
    })
    .join('\n');
}

const HEAD = /^[A-Z][A-Z /()]+(?: {2,}[A-Z][A-Z /()]*)+$/;

const endsMachines = ({ name }: Command): boolean =>
  name === 'autoscale clear' || name === 'autoscale disable';

/** undefined: go on. Nobody is asked when nothing runs. */
async function confirmed(io: Io, at: At): Promise<number | Trouble | undefined> {
  const answer = await withProgress(io, 'Looking what runs', () => ask(io, at, 'runners'));
  if (isTrouble(answer)) return answer;
  const { machines } = fieldsOf(answer.body['data']);
  if (!Array.isArray(machines)) return troubleOf(answer);
  if (machines.length === 0) return undefined;
  const busy = machines.filter((one) => fieldsOf(one)['state'] === 'busy').length;
  const noun = machines.length === 1 ? '1 machine' : `${machines.length} machines`;
  const prompter = createPrompter(io);
  const said = await prompter.ask(`End ${noun} (${busy} busy) now? [y/N] `);
  prompter.close();
  if (typeof said === 'string' && /^y(es)?$/i.test(said.trim())) return undefined;
  return { exit: EXIT.cancelled, what: 'cancelled; nothing was changed' };
}
