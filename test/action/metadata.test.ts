import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { INPUTS, OUTPUTS } from '../../action/src/inputs.ts';

// action.yml, as GitHub reads it.

const path = (name: string) => fileURLToPath(new URL(`../../action/${name}`, import.meta.url));
const metadata: Readonly<Record<string, Readonly<Record<string, unknown>>>> = parse(
  readFileSync(path('action.yml'), 'utf8'),
);

test('names every input with its default, and every output', () => {
  const defaults = Object.entries(metadata['inputs'] ?? {}).map(([name, input]) => [
    name,
    Object(input).default,
  ]);
  expect(defaults).toEqual(Object.entries(INPUTS).map(([name, input]) => [name, input.default]));
  expect(Object.keys(metadata['outputs'] ?? {})).toEqual(Object.keys(OUTPUTS));
});

test('runs files that are there, on the Node that they are made for', () => {
  const { using, main, post } = metadata['runs'] ?? {};
  expect([using, existsSync(path(String(main))), existsSync(path(String(post)))]).toEqual([
    'node24',
    true,
    true,
  ]);
});
