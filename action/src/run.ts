// action: the step that workflows use. It runs a command through the app, chooses between a machine of
// ours and a fallback, checks a rules file, and, as its own post step, writes what the job ran on into
// the job's summary. It holds no secret: the job's OIDC token says who asks.

import { ask } from './ask.ts';
import { checkRules } from './check-rules.ts';
import { choose } from './choose.ts';
import { type Inputs, readInputs } from './inputs.ts';
import { type Io, isTrouble, type Trouble } from './io.ts';
import { ownMachine, summarize } from './job-summary.ts';
import { mayAsk, noPermission } from './sign-in.ts';

/** Answers the exit code. */
export async function run(io: Io): Promise<number> {
  const inputs = readInputs(io.env);
  if (io.env['STATE_post'] === 'true') return post(io, inputs);
  io.runner.state('post', 'true');
  const trouble = isTrouble(inputs) ? inputs : await main(io, inputs);
  if (trouble === 'told') return 1;
  if (trouble === undefined) return 0;
  io.runner.annotate('error', trouble.what);
  return 1;
}

/** 'told': what is wrong was said already. */
async function main(io: Io, inputs: Inputs): Promise<Trouble | 'told' | undefined> {
  const { check, command, runsOn, url } = inputs;
  if (check !== '' && !checkRules(io, check, inputs.region)) return 'told';
  if ((command !== '' || runsOn.length > 0) && url === '') {
    return { what: "url is missing: the app's PUBLIC_URL", isOutage: false };
  }
  if (command !== '') {
    const trouble = await runCommand(io, inputs);
    if (trouble) return trouble;
  }
  const trouble = runsOn.length > 0 ? await choose(io, inputs) : undefined;
  if (!trouble) announceSummary(io, inputs);
  return trouble;
}

async function runCommand(io: Io, inputs: Inputs): Promise<Trouble | 'told' | undefined> {
  const { command, url, hasSummary } = inputs;
  const said = await ask(io, url, command);
  if (isTrouble(said)) return said;
  io.runner.output('ok', String(said.ok));
  io.runner.output('text', said.text.trimEnd());
  io.runner.output('json', JSON.stringify(said.data));
  if (said.ok) {
    io.runner.say(said.text);
    if (hasSummary) io.runner.summary(said.markdown);
    return undefined;
  }
  // The runner writes "Error:" before it by itself.
  return { what: said.text.trimEnd().replace(/^error: /, ''), isOutage: false };
}

/** What the post step will need is looked for now, where a warning is still read. */
function announceSummary(io: Io, { url, hasSummary }: Inputs): void {
  if (!hasSummary || url === '' || ownMachine(io) === undefined) return;
  if (mayAsk(io)) io.runner.state('summary', 'true');
  else io.runner.annotate('warning', `No summary of this job's machine. ${noPermission.what}`);
}

/** Nothing that it finds fails a job whose own work is done. */
async function post(io: Io, inputs: Inputs | Trouble): Promise<number> {
  if (io.env['STATE_summary'] !== 'true' || isTrouble(inputs)) return 0;
  const trouble = await summarize(io, inputs.url);
  if (trouble) io.runner.say(`No summary of this job's machine: ${trouble.what}`);
  return 0;
}
