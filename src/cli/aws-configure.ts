import type { Command } from '../model/command.ts';
import { fieldsOf, textOf } from '../model/github-json.ts';
import { EXIT, type Io, isTrouble, type Trouble, tell } from './io.ts';
import type { Place } from './place.ts';
import { createPrompter, type Prompter } from './prompt.ts';
import { askServer, troubleOf } from './server.ts';

type Configure = Extract<Command, { name: 'aws configure' }>;

/** What is sent: the words of the API. */
type Given = Readonly<Record<string, unknown>>;

interface Question {
  readonly field: string;
  readonly label: string;
  readonly isHidden?: true;
  /** Given by an option: not asked for. */
  readonly given?: string | undefined;
  /** What an empty answer means, where it has a meaning. */
  readonly otherwise?: string | undefined;
  readonly isOptional?: true;
  /** For scripts: what gives it without a prompt. */
  readonly instead: string;
}

/** The secret has no option: every process of the machine could read it there. */
const questions = (asked: Configure, env: Io['env']): readonly Question[] => {
  const region: Question = {
    field: 'region',
    label: 'Region name: ',
    given: asked.region,
    otherwise: env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION'],
    instead: '--region or AWS_REGION',
  };
  const bucket: Question = {
    field: 'bucket',
    label: 'Artifact S3 bucket[None]: ',
    given: asked.bucket,
    isOptional: true,
    instead: '--bucket',
  };
  if (asked.roleArn !== undefined) return [region, bucket];
  return [
    {
      field: 'accessKeyId',
      label: 'AWS Access Key ID: ',
      given: asked.accessKeyId,
      otherwise: env['AWS_ACCESS_KEY_ID'],
      instead: '--access-key-id or AWS_ACCESS_KEY_ID',
    },
    {
      field: 'secretAccessKey',
      label: 'AWS Secret Access Key: ',
      isHidden: true,
      // With the id as an option a script speaks, and the environment is where scripts have secrets.
      given: asked.accessKeyId === undefined ? undefined : env['AWS_SECRET_ACCESS_KEY'],
      otherwise: env['AWS_SECRET_ACCESS_KEY'],
      instead: 'AWS_SECRET_ACCESS_KEY',
    },
    region,
    bucket,
  ];
};

/** Asks, lets the app check, and says what became of it. Nothing is sent before the last answer. */
export async function awsConfigure(
  io: Io,
  place: Place,
  { asked, isJson }: { readonly asked: Configure; readonly isJson: boolean },
): Promise<number> {
  // What a program reads from standard output is the data alone.
  const prompts = isJson ? { ...io, stdout: io.stderr } : io;
  const given = await collect(prompts, questions(asked, io.env));
  if (isTrouble(given)) return tell(io, given);
  const body = {
    ...given,
    ...(asked.roleArn !== undefined && { roleArn: asked.roleArn }),
    ...(place.repositories.length > 0 && { repositories: place.repositories }),
  };
  io.stderr.write('Checking with AWS …\n');
  const path = `/api/v1/accounts/${place.scope}`;
  const answer = await askServer(io, place, { method: 'PUT', path, body });
  if (isTrouble(answer)) return tell(io, answer);
  if (isJson) io.stdout.write(`${JSON.stringify(answer.body)}\n`);
  else printChecks(io, answer.body['checks']);
  if (answer.status !== 200) return tell(io, troubleOf(answer));
  if (!isJson) io.stdout.write(`Kept for ${place.name}.\n`);
  return EXIT.done;
}

/** An answer for each question, or why there is none. */
async function collect(io: Io, all: readonly Question[]): Promise<Given | Trouble> {
  const open = all.filter(({ given }) => given === undefined);
  const given = Object.fromEntries(all.map(({ field, given }) => [field, given ?? null]));
  const isScript = open.every(({ isOptional }) => isOptional) && !io.isTty;
  if (isScript) return given;
  const prompter = createPrompter(io);
  try {
    return await askAll(prompter, { open, given });
  } finally {
    prompter.close();
  }
}

async function askAll(
  prompter: Prompter,
  { open, given }: { open: readonly Question[]; given: Given },
): Promise<Given | Trouble> {
  const answers: Record<string, unknown> = { ...given };
  for (const [index, question] of open.entries()) {
    const { field, label, isHidden = false, otherwise, isOptional } = question;
    const line = await prompter.ask(label, { isHidden });
    if (typeof line !== 'string') {
      // No standard input from the start: a script with everything in its environment.
      const isFirst = index === 0 && line.ended === 'closed';
      const fromEnv = isFirst ? withoutPrompts(open) : undefined;
      return fromEnv ? { ...given, ...fromEnv } : stopped(line.ended, open);
    }
    const text = line.trim();
    const value = text === '' || (isOptional && text === 'None') ? otherwise : text;
    if (value === undefined && !isOptional) {
      const what = `${label.replace(/: $/, '')} is missing; nothing was kept`;
      return { exit: EXIT.failed, what };
    }
    answers[field] = value ?? null;
  }
  return answers;
}

function withoutPrompts(open: readonly Question[]): Given | undefined {
  const isComplete = open.every(({ otherwise, isOptional }) => isOptional || otherwise);
  if (!isComplete) return undefined;
  return Object.fromEntries(open.map(({ field, otherwise }) => [field, otherwise ?? null]));
}

function stopped(ended: 'cancelled' | 'closed', open: readonly Question[]): Trouble {
  if (ended === 'cancelled') {
    return { exit: EXIT.cancelled, what: 'cancelled; nothing was kept' };
  }
  const needed = open.filter(({ isOptional }) => !isOptional).map(({ instead }) => instead);
  const what = 'the input ended before the last answer; nothing was kept';
  return { exit: EXIT.failed, what, tries: `dstack aws configure with ${needed.join(', ')}` };
}

function printChecks(io: Io, checks: unknown): void {
  for (const check of Array.isArray(checks) ? checks : []) {
    const { name, ok, text, fix } = fieldsOf(check);
    const word = ok === true ? 'ok  ' : 'FAIL';
    io.stdout.write(`${word} ${String(name).padEnd(11)} ${textOf(text) ?? ''}\n`);
    if (typeof fix === 'string') io.stdout.write(`     ${''.padEnd(11)} fix: ${fix}\n`);
  }
}
