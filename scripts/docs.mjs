// npm run docs: writes what the documentation has from the code, so that the two cannot differ.
// With --check nothing is written, and a page that differs is an error.
import { readFileSync, writeFileSync } from 'node:fs';
import { INPUTS, OUTPUTS } from '../action/src/inputs.ts';
import { commandsTable } from '../src/commands/help-text.ts';
import { policyFor } from '../src/ec2/policy.ts';
import { MEANINGS } from '../src/model/aws-codes.ts';
import { rulesSchema } from '../src/rules/schema.ts';
import { SETTINGS } from '../src/settings.ts';
import { costTables } from './cost-tables.mjs';

const isCheck = process.argv.includes('--check');
let stale = 0;

function keep(file, text) {
  const path = new URL(`../${file}`, import.meta.url);
  let before;
  try {
    before = readFileSync(path, 'utf8');
  } catch {
    before = undefined;
  }
  if (before === text) return;
  if (isCheck) {
    stale++;
    console.error(`${file} is not what the code says: run "npm run docs" and commit it`);
  } else {
    writeFileSync(path, text);
    console.log(file);
  }
}

/** Replaces what stands between the two marks of that name. */
function fill(file, name, text) {
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const before = readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');
  const [start, end] = [before.indexOf(open), before.indexOf(close)];
  if (start < 0 || end < start) throw new Error(`${file} has no marks for "${name}"`);
  keep(file, `${before.slice(0, start + open.length)}\n${text}\n${before.slice(end)}`);
}

const cell = (text) => String(text).replaceAll('|', '\\|').replaceAll('\n', ' ');

const settingsTable = [
  '| name | default | meaning |',
  '|---|---|---|',
  ...SETTINGS.map(
    ({ name, default: written, meaning }) =>
      `| \`${name}\` | ${written === null ? '–' : `\`${cell(written)}\``} | ${cell(meaning)} |`,
  ),
].join('\n');

const REACHES = {
  place: 'its type, zone and market',
  zone: 'its type in the zone',
  subnet: 'its subnet',
  type: 'its type and market in the region',
  family: 'all types of that quota',
  market: 'its market in the region',
  region: 'the region',
  account: 'the account',
  rule: 'the rule alone',
};
const minutes = (ms) => ms / 60_000;
const codesTable = [
  '| codes | what jobs are told | left alone | minutes, doubling to |',
  '|---|---|---|---|',
  ...Map.groupBy(MEANINGS, ([, meaning]) => JSON.stringify(meaning))
    .values()
    .map((group) => {
      const codes = group.map(([code]) => `\`${code}\``).join(' ');
      const { tell, leave } = group[0][1];
      const what = leave ? REACHES[leave.reach] : 'nothing';
      const long = leave ? `${minutes(leave.ms[0])}, ${minutes(leave.ms[1])}` : '–';
      return `| ${codes} | ${cell(tell)} | ${what} | ${long} |`;
    }),
].join('\n');

/** Keys of the rules file, as its schema has them. */
const valuesOf = ({ type, enum: choices, items, minimum, maximum }) => {
  if (choices) return choices.map((one) => `\`${one}\``).join(', ');
  if (items) return items.type === 'object' ? 'rules' : 'a list';
  const range = minimum === undefined ? '' : ` from ${minimum} to ${maximum}`;
  const words = { boolean: '`true`, `false`', integer: `a number${range}`, number: 'dollars' };
  return words[type] ?? 'text';
};
const keysTable = ({ properties, required = [] }) =>
  [
    '| key | values | default | meaning |',
    '|---|---|---|---|',
    ...Object.entries(properties).map(([name, one]) => {
      const usual = one.default === undefined || Array.isArray(one.default) ? null : one.default;
      const written = required.includes(name) ? 'needed' : usual === null ? '–' : `\`${usual}\``;
      return `| \`${name}\` | ${cell(valuesOf(one))} | ${written} | ${cell(one.description)} |`;
    }),
  ].join('\n');
const { autoscale } = rulesSchema.properties;

const inputsTable = [
  '| input | default | meaning |',
  '|---|---|---|',
  ...Object.entries(INPUTS).map(
    ([name, { default: written, meaning }]) =>
      `| \`${name}\` | ${written === '' ? '–' : `\`${written}\``} | ${cell(meaning)} |`,
  ),
].join('\n');
const outputsTable = [
  '| output | meaning |',
  '|---|---|',
  ...Object.entries(OUTPUTS).map(([name, meaning]) => `| \`${name}\` | ${cell(meaning)} |`),
].join('\n');

/** What GitHub reads of the action: JSON strings are YAML strings. */
const actionYaml = [
  '# Made by "npm run docs" from action/src/inputs.ts.',
  'name: dstack autoscale',
  'description: Commands, runs-on with a fallback, and the cost of jobs on EC2 spot machines',
  'branding:',
  '  icon: zap',
  '  color: purple',
  'inputs:',
  ...Object.entries(INPUTS).flatMap(([name, { default: written, meaning }]) => [
    `  ${name}:`,
    `    description: ${JSON.stringify(meaning)}`,
    '    required: false',
    `    default: ${JSON.stringify(written)}`,
  ]),
  'outputs:',
  ...Object.entries(OUTPUTS).flatMap(([name, meaning]) => [
    `  ${name}:`,
    `    description: ${JSON.stringify(meaning)}`,
  ]),
  'runs:',
  '  using: node24',
  '  main: dist/action.mjs',
  '  post: dist/action.mjs',
  '',
].join('\n');

keep('action/action.yml', actionYaml);
fill('action/README.md', 'inputs', inputsTable);
fill('action/README.md', 'outputs', outputsTable);
keep('docs/dstack.schema.json', `${JSON.stringify(rulesSchema, null, 2)}\n`);
fill('docs/reference.md', 'settings', settingsTable);
fill('docs/reference.md', 'commands', commandsTable());
fill('docs/reference.md', 'file', keysTable(autoscale));
fill('docs/reference.md', 'rule', keysTable(autoscale.properties.rules.items));
fill('README.md', 'commands', commandsTable());
fill('docs/reference.md', 'codes', codesTable);
const placeholders = { region: 'REGION', account: 'ACCOUNT', bucket: 'BUCKET' };
const policy = JSON.stringify(policyFor(placeholders), null, 2);
fill('docs/aws.md', 'policy', `\`\`\`json\n${policy}\n\`\`\``);
const costs = JSON.parse(readFileSync(new URL('../docs/cost.json', import.meta.url), 'utf8'));
for (const [name, text] of Object.entries(costTables(costs))) fill('docs/cost.md', name, text);

process.exit(stale ? 1 : 0);
