import { type Folder, hostedJobs, kindOf, rulesFile, workflowFile } from './init-files.ts';
import { EXIT, type Io, paint, tell } from './io.ts';
import type { Options } from './options.ts';
import { createPrompter } from './prompt.ts';

const RULES = '.github/dstack.yml';
const WORKFLOWS = '.github/workflows';
const SAMPLE = `${WORKFLOWS}/dstack.yml`;
const DEFAULT_REGION = 'us-east-1';
const MOST_WORKFLOWS = 100;

/** `dstack init`: a first rules file and a sample workflow, shown before they are written. */
export async function init(io: Io, { isYes }: Options): Promise<number> {
  const folder = lookAt(io);
  const all = [
    { path: RULES, text: rulesFile(folder) },
    { path: SAMPLE, text: workflowFile(folder) },
  ];
  const files = all.filter(({ path }) => io.files.read(path) === undefined);
  if (files.length === 0) {
    io.stdout.write(`${RULES} and ${SAMPLE} are there already; nothing was changed.\n`);
    return EXIT.done;
  }
  for (const { path, text } of files) {
    io.stdout.write(`${paint(io, 'stdout', { style: 'bold', text: path })}\n${indented(text)}\n`);
  }
  if (!isYes && !(await isAgreed(io, files.length))) {
    const what = io.isTty ? 'cancelled; nothing was written' : 'nothing was written';
    const exit = io.isTty ? EXIT.cancelled : EXIT.failed;
    return tell(io, { exit, what, tries: 'dstack init --yes' });
  }
  for (const { path, text } of files) io.files.write(path, text);
  io.stdout.write(`${next(folder, files.length)}\n`);
  return EXIT.done;
}

function lookAt({ files, env }: Io): Folder {
  const names = files.list(WORKFLOWS).filter((name) => /\.ya?ml$/.test(name));
  const texts = names
    .slice(0, MOST_WORKFLOWS)
    .map((name) => [name, files.read(`${WORKFLOWS}/${name}`) ?? ''] as const);
  const head = /^ref: refs\/remotes\/origin\/(\S+)/.exec(
    files.read('.git/refs/remotes/origin/HEAD') ?? '',
  );
  return {
    names: files.list('.'),
    workflows: Object.fromEntries(texts),
    region: env['AWS_REGION'] || env['AWS_DEFAULT_REGION'] || DEFAULT_REGION,
    branch: head?.[1] ?? 'main',
  };
}

const indented = (text: string): string => text.replace(/^(?=.)/gm, '  ');

async function isAgreed(io: Io, count: number): Promise<boolean> {
  if (!io.isTty) return false;
  const prompter = createPrompter(io);
  const said = await prompter.ask(`Write ${count === 1 ? 'this file' : 'these files'}? [y/N] `);
  prompter.close();
  return typeof said === 'string' && /^y(es)?$/i.test(said.trim());
}

function next(folder: Folder, count: number): string {
  const { language } = kindOf(folder);
  const hosted = hostedJobs(folder);
  return [
    `Wrote ${count === 1 ? '1 file' : `${count} files`}${language === '' ? '' : ` for a ${language} project`}. Next:`,
    '  1. commit and push them to the default branch',
    '  2. dstack aws configure, unless the app launches in its own AWS account',
    '  3. dstack autoscale info',
    ...(hosted.length === 0
      ? []
      : [`To move more jobs, write runs-on: [self-hosted, dstack] in: ${hosted.join(', ')}`]),
  ].join('\n');
}
