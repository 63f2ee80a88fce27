import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { Scenario } from './scenario.ts';
import { simulate } from './simulate.ts';

const FOUND = join(import.meta.dirname, 'found');
const files = readdirSync(FOUND).filter((file) => file.endsWith('.json'));

/** Ours, as `npm run simulate` wrote it. */
const scenarioIn = (file: string): Scenario => JSON.parse(readFileSync(join(FOUND, file), 'utf8'));

describe('what was found once', () => {
  test.each(files)('stays mended: %s', async (file) => {
    const { rule, text } = await simulate(scenarioIn(file));
    expect({ rule, text }).toEqual({ rule: null, text: '' });
  });
});
