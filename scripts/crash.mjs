// npm run crash: the app as a process before moto, killed with -9 while jobs run. The last line of
// stdout is one JSON object; exit 0 only if nothing was lost, leaked or exceeded.
import { parseArgs } from 'node:util';
import { assertNode } from '../bin/node-version.js';
import { motoServer } from './moto.mjs';

assertNode();

const USAGE = `usage: npm run crash [-- OPTION…]

The app as a process before moto, behind a proxy that loses, delays and doubles; killed with -9 close
to its calls while jobs run. The last line of stdout is one JSON object.

  --kills N    how often the app is killed, 0 to 10000 (100)
  --jobs N     how many jobs run meanwhile, 1 to 10000 (500)
  --seed S     other faults and moments; by default drawn, and printed
  -h, --help   this text

Exits 0 if nothing was lost, left or exceeded, 1 if something was, 2 if it was misused.
`;
const EXIT_USAGE = 2;

const options = parse();
if (options === 'help') {
  process.stdout.write(USAGE);
  process.exit(0);
}
if (typeof options === 'string') {
  process.stderr.write(options);
  process.exit(EXIT_USAGE);
}
const moto = await motoServer();
if (!moto) {
  say('SKIPPED: there is no moto_server of version 5; MOTO_SERVER may name one.');
  process.exit(process.env.CI === 'true' ? 1 : 0);
}
process.env.MOTO_SERVER = moto;
// An exit ends the app and moto with us; a signal alone would leave both.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));
const { playCrash } = await import('../test/crash/crash.ts');
say(`${options.jobs} jobs, ${options.kills} kills, seed ${options.seed}`);
const { result, problems, moments } = await playCrash({ ...options, say });
const counts = [...moments].sort((a, b) => b[1] - a[1]);
say(`killed at: ${counts.map(([moment, count]) => `${moment} ${count}`).join(', ')}`);
for (const problem of problems) say(`BROKEN: ${problem}`);
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(problems.length === 0 ? 0 : 1);

function parse() {
  const [text, help] = [{ type: 'string' }, { type: 'boolean', short: 'h' }];
  try {
    const { values } = parseArgs({ options: { kills: text, jobs: text, seed: text, help } });
    if (values.help) return 'help';
    const whole = (name, usual, least, most) => {
      const text = values[name] ?? String(usual);
      const isGood = /^\d{1,9}$/.test(text) && Number(text) >= least && Number(text) <= most;
      if (!isGood) throw new Error(`--${name} takes a whole number from ${least} to ${most}`);
      return Number(text);
    };
    return {
      kills: whole('kills', 100, 0, 10_000),
      jobs: whole('jobs', 500, 1, 10_000),
      seed: whole('seed', Math.floor(Math.random() * 1e9), 0, 999_999_999),
    };
  } catch (error) {
    return `crash: ${error.message}\n\n${USAGE}`;
  }
}

function say(line) {
  process.stderr.write(`${line}\n`);
}
