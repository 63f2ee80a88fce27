import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { storeContract } from './contract.ts';

const folder = mkdtempSync(join(tmpdir(), 'store-'));
let files = 0;

async function open() {
  files += 1;
  const opened = await openSqliteStore(join(folder, `${files}.db`));
  if (!opened.ok) throw new Error(opened.message);
  return opened.store;
}

afterAll(() => rmSync(folder, { recursive: true }));

storeContract('SQLite', open);
