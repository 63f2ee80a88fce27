import { type Folder, hostedJobs, kindOf, rulesFile, workflowFile } from './init-files.ts';
import { EXIT, type Io, isTrouble, paint, type Trouble, tell } from './io.ts';
import type { Options } from './options.ts';
import { createPrompter } from './prompt.ts';

const RULES = '.github/dstack.yml';
const WORKFLOWS = '.github/workflows';
const SAMPLE = `${WORKFLOWS}/dstack.yml`;
const MOST_WORKFLOWS = 100;

/** `dstack init`: a first rules file and a sample workflow, shown before they are written. */
export async function init(io: Io, { isYes }: Options): Promise<number> {
  const folder = await lookAt(io);
  if (isTrouble(folder)) return tell(io, folder);
  const all = [
    { path: `${folder.top}/${RULES}`, text: rulesFile(folder) },
    { path: `${folder.top}/${SAMPLE}`, text: workflowFile(folder) },
  ];
  const files = all.filter(({ path }) => io.files.read(path) === undefined);
  if (files.length === 0) {
    io.stdout.write(`${RULES} and ${SAMPLE} are in ${folder.top} already; nothing was changed.\n`);
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

async function lookAt(io: Io): Promise<Folder | Trouble> {
  const { files } = io;
  const top = await io.git('rev-parse', '--show-toplevel');
  if (top === undefined) {
    const what = 'git knows no repository here, and GitHub reads the files at the top of one';
    return { exit: EXIT.failed, what, tries: 'git init, or the same again in your clone' };
  }
  const workflows = `${top}/${WORKFLOWS}`;
  const names = files.list(workflows).filter((name) => /\.ya?ml$/.test(name));
  const texts = names
    .slice(0, MOST_WORKFLOWS)
    .map((name) => [name, files.read(`${workflows}/${name}`) ?? ''] as const);
  return {
    top,
    names: files.list(top),
    workflows: Object.fromEntries(texts),
    branch: await branchOf(io),
  };
}

/** As the remote says; without a remote, the one that is checked out. */
async function branchOf({ git }: Io): Promise<string> {
  const remote = await git('symbolic-ref', '--short', 'refs/remotes/origin/HEAD');
  return (
    remote?.replace(/^origin\//, '') ?? (await git('symbolic-ref', '--short', 'HEAD')) ?? 'main'
  );
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
