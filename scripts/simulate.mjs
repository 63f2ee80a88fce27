// npm run simulate -- --seeds A..B | --for 60s | --seed S [--trace] | --mutants
// Plays the fault simulation: prints the seeds that break a promise, the first one made small, and
// which faults were reached. Exit 1 if a promise was broken or a fault is never reached, 2 if misused.
import { on } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const USAGE = `usage: npm run simulate -- OPTION…

The whole app on a sandbox GitHub and EC2 in one process, with everything that can go wrong, by seed.

  --seeds A..B       play these seeds; prints those that break a promise, the first of them made small
                     and saved under test/simulation/found, and which faults were reached (1..1000)
  --for 60s          seeds that nobody had before, for so long
  --seed S           one scenario, made small if it fails
  --trace            with --seed: all that happens, line by line
  --store memory|sqlite
                     what the app's database is; every tenth seed is played on both (memory)
  --workers N        threads (one for each core)

  --mutants          plant known bugs, one at a time, and count the --seeds that show each
  --only NAME        with --mutants: those whose name has this in it
  --first            with --mutants: each only until it is shown
  --write            with --mutants: the table of docs/promises.md
  -h, --help         this text

Exits 0 if all holds; 1 if a promise was broken, a fault is never reached or a planted bug not shown;
2 if it was misused.
`;
const FOUND = join(import.meta.dirname, '..', 'test', 'simulation', 'found');
const DOCS = join(import.meta.dirname, '..', 'docs', 'promises.md');
const [TABLE, TABLE_END] = ['<!-- mutants -->', '<!-- /mutants -->'];
/** Marks are judged from so many seeds on. */
const ENOUGH_SEEDS = 1_000;
const MOST_TOLD = 20;
/** Seeds that a worker is given ahead, so that it never waits for the next. */
const AHEAD = 2;
/** Every so long it is said how far it is; a terminal has one line for it. */
const TELL_EVERY_MS = process.stderr.isTTY ? 1_000 : 10_000;

if (isMainThread) process.exitCode = await main();
else await work(workerData);

async function main() {
  const args = readArgs();
  if (args === 'help') {
    process.stdout.write(USAGE);
    return 0;
  }
  if (typeof args === 'string') {
    process.stderr.write(`simulate: ${args}\n\n${USAGE}`);
    return 2;
  }
  if (args.seed !== undefined) return playOne(args);
  if (args.mutants) return playMutants(args);
  return playAll(args);
}

function readArgs() {
  const text = { type: 'string' };
  const flag = { type: 'boolean', default: false };
  const options = { seeds: text, for: text, store: text, workers: text, seed: text, trace: flag };
  let values;
  try {
    const ofMutants = { mutants: flag, first: flag, only: text, write: flag };
    const help = { type: 'boolean', short: 'h' };
    ({ values } = parseArgs({ options: { ...options, ...ofMutants, help } }));
  } catch (error) {
    return error.message;
  }
  if (values.help) return 'help';
  const { seeds = '1..1000', store = 'memory', workers = String(availableParallelism()) } = values;
  const [, from, to] = /^(\d+)\.\.(\d+)$/.exec(seeds) ?? [];
  if (from === undefined || Number(to) < Number(from)) return `--seeds: ${seeds} is no range A..B`;
  if (store !== 'memory' && store !== 'sqlite') return `--store: ${store}; memory or sqlite`;
  if (!/^[1-9]\d?$/.test(workers)) return `--workers: ${workers} is no number from 1 to 99`;
  if (values.seed !== undefined && !/^\d+$/.test(values.seed)) return `--seed: ${values.seed}`;
  const [, forSeconds] = /^([1-9]\d{0,4})s$/.exec(values.for ?? '') ?? [];
  if (values.for !== undefined && forSeconds === undefined) return `--for: ${values.for}; as 60s`;
  if (values.for !== undefined && values.mutants) return '--for: mutants take --seeds';
  const range =
    forSeconds === undefined
      ? { from: Number(from), to: Number(to) }
      : // One second's number is no other's: nobody has played these.
        { from: Math.floor(Date.now() / 1000), forMs: 1_000 * Number(forSeconds) };
  const seed = values.seed === undefined ? undefined : Number(values.seed);
  return {
    ...range,
    store,
    workers: Number(workers),
    seed,
    trace: values.trace,
    mutants: values.mutants,
    first: values.first,
    only: values.only,
    write: values.write,
  };
}

/** One scenario, told whole. */
async function playOne({ seed, store, trace }) {
  const { generate } = await import('../test/simulation/scenario.ts');
  const { simulate } = await import('../test/simulation/simulate.ts');
  const result = await simulate(generate(seed), { store, isVerbose: trace });
  if (trace) console.log(result.trace.join('\n'));
  const minutes = (result.virtualMs / 60_000).toFixed(1);
  console.log(`seed ${seed}: ${result.rule ?? 'all promises kept'}, ${minutes} virtual minutes`);
  if (result.rule === null) return 0;
  await tellSmall({ seed, rule: result.rule });
  return 1;
}

/** Makes it small, prints it, and saves it for every test run to come. */
async function tellSmall({ seed, rule }) {
  const { generate } = await import('../test/simulation/scenario.ts');
  const { simulate } = await import('../test/simulation/simulate.ts');
  const { shrinkTo } = await import('../test/simulation/run.ts');
  const scenario = await shrinkTo(rule, generate(seed));
  const { trace } = await simulate(scenario);
  mkdirSync(FOUND, { recursive: true });
  const file = join(FOUND, `${rule}-${seed}.json`);
  writeFileSync(file, `${JSON.stringify(scenario, null, 2)}\n`);
  console.log(`\n${JSON.stringify(scenario)}\n${trace.join('\n')}\nsaved as ${file}`);
}

async function playAll({ from, to, forMs, store, workers }) {
  const failures = [];
  const marks = new Map();
  let [next, done, twice, worst] = [from, 0, 0, 0];
  const startedAt = performance.now();
  const ms = () => performance.now() - startedAt;
  const rate = () => `${((1000 * done) / ms()).toFixed(1)} a second`;
  const tell = everyNowAndThen(() => {
    const all = to === undefined ? '' : ` of ${to - from + 1}`;
    return `${done}${all} seeds, ${rate()}, ${failures.length} failing`;
  });
  const isLast = () => (to === undefined ? ms() >= forMs : next > to);
  if (to === undefined) console.log(`seeds ${from} and on, for ${forMs / 1000} s`);
  const give = () => (isLast() ? undefined : next++);
  await spread({ give, workers }, { store }, (played) => {
    done += 1;
    twice += played.isTwice ? 1 : 0;
    worst = Math.max(worst, played.worstSurplus);
    for (const mark of played.marks) marks.set(mark, (marks.get(mark) ?? 0) + 1);
    if (played.failure) failures.push(played.failure);
    if (played.failure && failures.length <= MOST_TOLD) tellFailure(played.failure);
    tell();
  });
  const missing = to === undefined ? 0 : await tellMarks(marks, done);
  const { user, system } = process.cpuUsage();
  console.log(
    `seeds ${from}..${next - 1} on ${store}, ${twice} of ${done} on SQLite too, ${rate()} with ` +
      `${workers} workers, ${((1e6 * done) / (user + system)).toFixed(1)} a second and core; ` +
      `${failures.length} failing seeds; worst surplus ${worst}`,
  );
  const [first] = failures.sort((a, b) => a.seed - b.seed);
  if (first) await tellSmall(first);
  return failures.length > 0 || missing > 0 ? 1 : 0;
}

function tellFailure({ seed, rule, text }) {
  console.log(`SEED=${seed} ${rule}: ${text}`);
  console.log(`  again: npm run simulate -- --seed ${seed} --trace`);
}

/** How many seeds reached each; answers how many marks too few did. */
async function tellMarks(marks, done) {
  const { LEAST_SHARE, MARKS } = await import('../test/simulation/marks.ts');
  let missing = 0;
  for (const mark of MARKS) {
    const share = (marks.get(mark) ?? 0) / done;
    const isFew = done >= ENOUGH_SEEDS && share < LEAST_SHARE;
    if (isFew) missing += 1;
    console.log(
      `  ${mark.padEnd(40)} ${(100 * share).toFixed(1).padStart(6)} %${isFew ? '  too few' : ''}`,
    );
  }
  return missing;
}

/** `first`: each only until it is found. */
async function playMutants({ from, to, workers, only, first: isFirst, write: isWritten }) {
  const { MUTANTS, plant } = await import('../test/simulation/mutants.ts');
  const { simulate } = await import('../test/simulation/simulate.ts');
  const { generate } = await import('../test/simulation/scenario.ts');
  const { shrinkTo } = await import('../test/simulation/run.ts');
  const { loadCode } = await import('../test/simulation/code.ts');
  const chosen = MUTANTS.filter(({ name }) => only === undefined || name.includes(only));
  const rows = [];
  for (const mutant of chosen) {
    const src = plant(mutant);
    const failures = [];
    let done = 0;
    const { blindTo = [] } = mutant;
    let next = from;
    const give = () => (next > to ? undefined : next++);
    const options = { store: 'memory', src: src.href, blindTo };
    await spread({ give, workers }, options, ({ failure }) => {
      done += 1;
      if (failure) failures.push(failure);
      return isFirst && failures.length > 0;
    });
    const [first] = failures.sort((a, b) => a.seed - b.seed);
    const by = Object.entries(Object.groupBy(failures, ({ rule }) => rule))
      .map(([rule, its]) => `${rule} ${its.length}`)
      .join(', ');
    let lines = null;
    if (first && !isFirst) {
      const code = await loadCode(src);
      const small = await shrinkTo(first.rule, generate(first.seed), { code, blindTo });
      lines = (await simulate(small, { code, blindTo })).trace.length;
    }
    const at = first ? first.seed - from + 1 : null;
    rows.push({ name: mutant.name, found: failures.length, done, by, lines, at });
    const trace = lines === null ? '' : `, shortest trace ${lines} lines`;
    const found = `found in ${failures.length} of ${done} seeds (${by})${trace}`;
    console.log(`${mutant.name}: ${first ? found : `NOT FOUND in ${done} seeds`}`);
  }
  if (isWritten) writeMutants(isFirst ? firstTable(rows) : wholeTable(rows));
  return rows.some(({ found }) => found === 0) ? 1 : 0;
}

const wholeTable = (rows) => [
  '| planted bug | found in so many seeds | by the promise | lines of the shortest trace |',
  '|---|--:|---|--:|',
  ...rows.map(({ name, found, done, by, lines }) => {
    const seeds = found === 0 ? `**not found** in ${done}` : `${found} of ${done}`;
    return `| ${[name, seeds, by, lines ?? '–'].join(' | ')} |`;
  }),
];

const firstTable = (rows) => [
  '| planted bug | shown first by seed | by the promise |',
  '|---|--:|---|',
  ...rows.map(({ name, done, by, at }) => {
    const seed = at === null ? `**not found** in ${done}` : at;
    return `| ${[name, seed, by.replace(/ \d+/g, '')].join(' | ')} |`;
  }),
];

/** The table of the docs, as of this run. */
function writeMutants(table) {
  const text = readFileSync(DOCS, 'utf8');
  const [from, to] = [text.indexOf(TABLE) + TABLE.length, text.indexOf(TABLE_END)];
  writeFileSync(DOCS, `${text.slice(0, from)}\n${table.join('\n')}\n${text.slice(to)}`);
}

/** Plays what `give` gives, until it gives nothing or `onPlayed` says that it is enough. */
async function spread({ give, workers }, options, onPlayed) {
  const all = [];
  const ends = Array.from({ length: workers }, () => {
    const worker = new Worker(new URL(import.meta.url), { workerData: options });
    all.push(worker);
    worker.on('message', (played) => {
      worker.postMessage(give());
      if (onPlayed(played)) for (const one of all) void one.terminate();
    });
    for (let i = 0; i < AHEAD; i += 1) worker.postMessage(give());
    return new Promise((resolve, reject) => {
      worker.on('error', reject);
      worker.on('exit', resolve);
    });
  });
  await Promise.all(ends);
}

async function work({ store, src, blindTo = [] }) {
  const { playSeed } = await import('../test/simulation/run.ts');
  const { loadCode, soundCode } = await import('../test/simulation/code.ts');
  const code = src === undefined ? soundCode : await loadCode(new URL(src));
  for await (const [seed] of on(parentPort, 'message')) {
    if (seed === undefined) break;
    parentPort.postMessage(await playSeed(seed, { store, code, blindTo }));
  }
  parentPort.close();
}

function everyNowAndThen(say) {
  let last = performance.now();
  return () => {
    if (performance.now() - last < TELL_EVERY_MS) return;
    last = performance.now();
    process.stderr.write(process.stderr.isTTY ? `\r${say()} ` : `${say()}\n`);
  };
}
