// npm run bench [-- NAME… [OPTION…]] [--json]: runs bench/NAME.ts, each in a process of its own, one
// after the other. People get a table, --json gives one line each; exit 1 if a benchmark does not hold.
// The other options, after the names, are the benchmark's own.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const FOLDER = join(import.meta.dirname, '..', 'bench');
const MISUSED = 2;

if (process.env['DSTACK_BENCH'] === undefined)
  process.exitCode = await runAll(process.argv.slice(2));
else await runOne(process.env['DSTACK_BENCH']);

/** In the child: nothing that another benchmark compiled or left behind is in its way. */
async function runOne(name) {
  const { bench } = await import(pathToFileURL(join(FOLDER, `${name}.ts`)).href);
  const result = await bench(process.argv.slice(2)).catch((error) => {
    if (!isMisuse(error)) throw error;
    process.stderr.write(`${name}: ${error.message}\n`);
    process.exit(MISUSED);
  });
  // Whatever a benchmark leaves open must not keep the others waiting.
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
}

function isMisuse({ code }) {
  return code === 'USAGE' || code?.startsWith('ERR_PARSE_ARGS') === true;
}

/** What a benchmark is for, as its file begins. */
function aboutOf(name) {
  const lines = readFileSync(join(FOLDER, `${name}.ts`), 'utf8').split('\n');
  const from = lines.findIndex((line) => line.startsWith('// '));
  const end = lines.findIndex((line, i) => i > from && !line.startsWith('// '));
  return lines.slice(from, end).map((line) => line.slice('// '.length));
}

async function usageOf(name) {
  const { OPTIONS = '  It takes none.\n' } = await import(
    pathToFileURL(join(FOLDER, `${name}.ts`)).href
  );
  return `usage: npm run bench -- ${name} [OPTION…] [--json]\n\n${aboutOf(name).join('\n')}\n\n${OPTIONS}`;
}

function usage(known) {
  const about = (name) =>
    aboutOf(name)
      .join(' ')
      .split(/[.:,] /)[0];
  const rows = known.map((name) => `  ${name.padEnd(10)} ${about(name)}`);
  return `usage: npm run bench [-- NAME… [OPTION…]] [--json]

Without a name all of them run, one after the other. Exit code 1: one does not hold.

${rows.join('\n')}

Its options, if it has any: npm run bench -- NAME --help
`;
}

async function runAll(args) {
  const isJson = args.includes('--json');
  const rest = args.filter((arg) => arg !== '--json');
  const firstOption = rest.findIndex((arg) => arg.startsWith('-'));
  const names = firstOption < 0 ? rest : rest.slice(0, firstOption);
  const options = firstOption < 0 ? [] : rest.slice(firstOption);
  const known = existsSync(FOLDER)
    ? readdirSync(FOLDER)
        .filter((file) => file.endsWith('.ts'))
        .map((file) => file.slice(0, -'.ts'.length))
        .sort()
    : [];
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    console.error(`no benchmark is called "${unknown}"; there are: ${known.join(', ')}`);
    return MISUSED;
  }
  if (options.includes('--help') || options.includes('-h')) {
    const [only] = names;
    process.stdout.write(only === undefined ? usage(known) : await usageOf(only));
    return 0;
  }
  const results = [];
  for (const name of names.length > 0 ? names : known) {
    const { stdout, status } = spawnSync(
      process.execPath,
      [fileURLToPath(import.meta.url), ...options],
      {
        env: { ...process.env, DSTACK_BENCH: name },
        stdio: ['ignore', 'pipe', 'inherit'],
        encoding: 'utf8',
      },
    );
    if (status === MISUSED) return MISUSED;
    const line = stdout.trimEnd().split('\n').at(-1) ?? '';
    const result =
      status === 0 ? JSON.parse(line) : { bench: name, holds: false, figures: {}, targets: {} };
    if (isJson) console.log(JSON.stringify(result));
    else print(result);
    results.push(result);
  }
  return results.every(({ holds }) => holds) ? 0 : 1;
}

function print({ bench, holds, figures, targets }) {
  console.log(`${bench}: ${holds ? 'holds' : 'does not hold'}`);
  for (const [name, figure] of Object.entries(figures)) {
    const target = targets[name];
    const limit = target === undefined ? '' : `  target ${JSON.stringify(target)}`;
    console.log(`  ${name.padEnd(28)} ${JSON.stringify(figure).padStart(12)}${limit}`);
  }
}
