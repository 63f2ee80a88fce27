// npm run simulate -- --seeds A..B [--store memory|sqlite] [--workers N] [--seed S --trace] [--mutants]
// Plays the fault simulation: prints the seeds that break a promise, the first one made small, and
// which faults were reached. Exit 1 if a promise was broken or a fault is never reached, 2 if misused.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const USAGE = `usage: npm run simulate -- --seeds A..B [--store memory|sqlite] [--workers N]
       npm run simulate -- --seed S [--trace]     one scenario, made small if it fails
       npm run simulate -- --mutants [--seeds A..B] [--only NAME] [--first] [--workers N]
`;
const FOUND = join(import.meta.dirname, '..', 'test', 'simulation', 'found');
/** Marks are judged from so many seeds on. */
const ENOUGH_SEEDS = 1_000;
const MOST_TOLD = 20;

if (isMainThread) process.exitCode = await main();
else await work(workerData);

async function main() {
  const args = readArgs();
  if (typeof args === 'string') {
    process.stderr.write(`${args}\n${USAGE}`);
    return 2;
  }
  if (args.seed !== undefined) return playOne(args);
  if (args.mutants) return playMutants(args);
  return playAll(args);
}

function readArgs() {
  const text = { type: 'string' };
  const flag = { type: 'boolean', default: false };
  const options = { seeds: text, store: text, workers: text, seed: text, trace: flag };
  let values;
  try {
    ({ values } = parseArgs({ options: { ...options, mutants: flag, first: flag, only: text } }));
  } catch (error) {
    return error.message;
  }
  const {
    seeds = values.mutants ? '1..1000' : '1..1000',
    store = 'memory',
    workers = '1',
  } = values;
  const [, from, to] = /^(\d+)\.\.(\d+)$/.exec(seeds) ?? [];
  if (from === undefined || Number(to) < Number(from)) return `--seeds: ${seeds} is no range A..B`;
  if (store !== 'memory' && store !== 'sqlite') return `--store: ${store}; memory or sqlite`;
  if (!/^[1-9]\d?$/.test(workers)) return `--workers: ${workers} is no number from 1 to 99`;
  if (values.seed !== undefined && !/^\d+$/.test(values.seed)) return `--seed: ${values.seed}`;
  const range = { from: Number(from), to: Number(to), store, workers: Number(workers) };
  const seed = values.seed === undefined ? undefined : Number(values.seed);
  return {
    ...range,
    seed,
    trace: values.trace,
    mutants: values.mutants,
    first: values.first,
    only: values.only,
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

async function playAll({ from, to, store, workers }) {
  const failures = [];
  const marks = new Map();
  let [done, twice, worst] = [0, 0, 0];
  const startedAt = performance.now();
  const seconds = () => (performance.now() - startedAt) / 1000;
  const tell = everySecond(() => {
    const rate = (done / seconds()).toFixed(1);
    process.stderr.write(
      `${done} of ${to - from + 1} seeds, ${rate} a second, ${failures.length} failing\n`,
    );
  });
  await spread({ from, to, workers }, { store }, (played) => {
    done += 1;
    twice += played.isTwice ? 1 : 0;
    worst = Math.max(worst, played.worstSurplus);
    for (const mark of played.marks) marks.set(mark, (marks.get(mark) ?? 0) + 1);
    if (played.failure) failures.push(played.failure);
    if (played.failure && failures.length <= MOST_TOLD) {
      const { seed, rule, text } = played.failure;
      console.log(`SEED=${seed} ${rule}: ${text}`);
    }
    tell();
  });
  const missing = await tellMarks(marks, done);
  console.log(
    `${done} seeds ${from}..${to} on ${store}, ${twice} of them on SQLite too, ` +
      `${(done / seconds()).toFixed(1)} a second with ${workers} workers; ` +
      `${failures.length} failing seeds; worst surplus ${worst}`,
  );
  const [first] = failures.sort((a, b) => a.seed - b.seed);
  if (first) await tellSmall(first);
  return failures.length > 0 || missing > 0 ? 1 : 0;
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
async function playMutants({ from, to, workers, only, first: isFirst }) {
  const { MUTANTS, plant } = await import('../test/simulation/mutants.ts');
  const { simulate } = await import('../test/simulation/simulate.ts');
  const { generate } = await import('../test/simulation/scenario.ts');
  const { shrinkTo } = await import('../test/simulation/run.ts');
  const { loadCode } = await import('../test/simulation/code.ts');
  const chosen = MUTANTS.filter(({ name }) => only === undefined || name.includes(only));
  let missed = 0;
  for (const mutant of chosen) {
    const src = plant(mutant);
    const failures = [];
    let done = 0;
    const { blindTo = [] } = mutant;
    await spread(
      { from, to, workers },
      { store: 'memory', src: src.href, blindTo },
      ({ failure }) => {
        done += 1;
        if (failure) failures.push(failure);
        return isFirst && failures.length > 0;
      },
    );
    const [first] = failures.sort((a, b) => a.seed - b.seed);
    if (!first) missed += 1;
    const by = Object.entries(Object.groupBy(failures, ({ rule }) => rule))
      .map(([rule, its]) => `${rule} ${its.length}`)
      .join(', ');
    let lines = '';
    if (first && !isFirst) {
      const code = await loadCode(src);
      const small = await shrinkTo(first.rule, generate(first.seed), { code, blindTo });
      lines = `, shortest trace ${(await simulate(small, { code, blindTo })).trace.length} lines`;
    }
    const found = `${failures.length} of ${done} seeds`;
    console.log(`${mutant.name}: ${first ? `found in ${found} (${by})${lines}` : 'NOT FOUND'}`);
  }
  return missed > 0 ? 1 : 0;
}

/** Plays a range with so many workers, each taking every so manieth seed, until `onPlayed` says so. */
async function spread({ from, to, workers }, options, onPlayed) {
  const all = [];
  const ends = Array.from({ length: workers }, (_, i) => {
    const data = { from: from + i, to, step: workers, ...options };
    const worker = new Worker(new URL(import.meta.url), { workerData: data });
    all.push(worker);
    worker.on('message', (played) => {
      if (onPlayed(played)) for (const one of all) void one.terminate();
    });
    return new Promise((resolve, reject) => {
      worker.on('error', reject);
      worker.on('exit', resolve);
    });
  });
  await Promise.all(ends);
}

async function work({ from, to, step, store, src, blindTo = [] }) {
  const { playSeed } = await import('../test/simulation/run.ts');
  const { loadCode, soundCode } = await import('../test/simulation/code.ts');
  const code = src === undefined ? soundCode : await loadCode(new URL(src));
  for (let seed = from; seed <= to; seed += step) {
    parentPort.postMessage(await playSeed(seed, { store, code, blindTo }));
  }
}

function everySecond(tell) {
  let last = performance.now();
  return () => {
    if (performance.now() - last < 1_000) return;
    last = performance.now();
    tell();
  };
}
