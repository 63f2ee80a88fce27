// npm run docs: writes what the documentation has from the code, so that the two cannot differ.
// With --check nothing is written, and a page that differs is an error.
import { readFileSync, writeFileSync } from 'node:fs';
import { commandsTable } from '../src/commands/help-text.ts';
import { policyFor } from '../src/ec2/policy.ts';
import { rulesSchema } from '../src/rules/schema.ts';
import { SETTINGS } from '../src/settings.ts';

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

keep('docs/dstack.schema.json', `${JSON.stringify(rulesSchema, null, 2)}\n`);
fill('docs/reference.md', 'settings', settingsTable);
fill('docs/reference.md', 'commands', commandsTable());
const placeholders = { region: 'REGION', account: 'ACCOUNT', bucket: 'BUCKET' };
const policy = JSON.stringify(policyFor(placeholders), null, 2);
fill('docs/aws.md', 'policy', `\`\`\`json\n${policy}\n\`\`\``);

process.exit(stale ? 1 : 0);
