import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from '@jest/globals';

// The action's bundle as GitHub's runner starts it: inputs in the environment, files for what it says
// to the runner, and the post step with what the main step saved.

const BUNDLE = fileURLToPath(new URL('../../action/dist/action.mjs', import.meta.url));

type Values = Readonly<Record<string, string>>;

export interface Step {
  readonly code: number | null;
  /** What its log holds, as it was printed. */
  readonly log: string;
  readonly stderr: string;
  readonly outputs: Values;
  readonly state: Values;
  readonly summary: string;
}

export interface StepOptions {
  readonly inputs?: Values;
  readonly env?: Values;
  /** Of the main step: this is the post step. */
  readonly state?: Values;
  /** Files of the workspace. */
  readonly files?: Values;
  /** The event's payload. */
  readonly event?: object;
}

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

export async function runStep(of: StepOptions): Promise<Step> {
  const folder = mkdtempSync(join(tmpdir(), 'dstack-step-'));
  folders.push(folder);
  const path = (name: string) => join(folder, name);
  const files = { output: '', state: '', summary: '', event: JSON.stringify(of.event ?? {}) };
  for (const [name, text] of Object.entries({ ...files, ...of.files })) {
    writeFileSync(path(name), text);
  }
  const child = spawn(process.execPath, [BUNDLE], {
    cwd: folder,
    env: {
      GITHUB_REPOSITORY: 'acme/app',
      GITHUB_OUTPUT: path('output'),
      GITHUB_STATE: path('state'),
      GITHUB_STEP_SUMMARY: path('summary'),
      GITHUB_EVENT_PATH: path('event'),
      ...named('INPUT_', of.inputs, (name) => name.toUpperCase()),
      ...named('STATE_', of.state, (name) => name),
      ...of.env,
    },
  });
  const { code, stdout, stderr } = await ended(child);
  return {
    ...{ code, log: stdout, stderr },
    outputs: valuesOf(readFileSync(path('output'), 'utf8')),
    state: valuesOf(readFileSync(path('state'), 'utf8')),
    summary: readFileSync(path('summary'), 'utf8'),
  };
}

const named = (prefix: string, values: Values = {}, spell: (name: string) => string): Values =>
  Object.fromEntries(
    Object.entries(values).map(([name, value]) => [`${prefix}${spell(name)}`, value]),
  );

function ended(child: ChildProcess) {
  const out = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      out[name] += text;
    });
  }
  return new Promise<typeof out & { readonly code: number | null }>((resolve) =>
    child.once('close', (code) => resolve({ code, ...out })),
  );
}

/** As the runner reads such a file: `name<<mark`, lines, `mark`. */
export function valuesOf(text: string): Values {
  const values: Record<string, string> = {};
  const lines = text.split('\n');
  for (let at = 0; at < lines.length - 1; ) {
    const [, name = '', mark = ''] = /^([^<=]+)<<(.+)$/.exec(lines[at] ?? '') ?? [];
    const end = lines.indexOf(mark, at + 1);
    if (mark === '' || end < 0) throw new Error(`the runner refuses the line ${lines[at]}`);
    values[name] = lines.slice(at + 1, end).join('\n');
    at = end + 1;
  }
  return values;
}
