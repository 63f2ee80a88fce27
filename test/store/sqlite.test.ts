import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, describe, expect, test } from '@jest/globals';
import type { Store } from '../../src/store/port.ts';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { storeContract } from './contract.ts';
import { aDelivery, aRulesRecord, jobEvent, launched, SCOPE, T, tell } from './rows.ts';

const folder = mkdtempSync(join(tmpdir(), 'store-'));
let files = 0;

function newFile(): string {
  files += 1;
  return join(folder, `${files}.db`);
}

async function open(path = newFile()): Promise<Store> {
  const opened = await openSqliteStore(path);
  if (!opened.ok) throw new Error(opened.message);
  return opened.store;
}

async function refusal(path: string): Promise<string> {
  const opened = await openSqliteStore(path);
  if (!opened.ok) return opened.message;
  await opened.store.close();
  return 'opened';
}

afterAll(() => rmSync(folder, { recursive: true }));

storeContract('SQLite', () => open());

describe('a SQLite file', () => {
  test('keeps everything over a restart, but for leases: their holders are dead', async () => {
    const path = newFile();
    const store = await open(path);
    await store.receive([aDelivery('a'), aDelivery('b')]);
    const lease = await launched(store, ['i-1']);
    await tell(store, jobEvent());
    await store.saveRules(lease, aRulesRecord());
    const before = await store.scopeRows(SCOPE);
    await store.close();
    const again = await open(path);
    expect(await again.scopeRows(SCOPE)).toEqual(before);
    expect(await again.unapplied(9)).toEqual([aDelivery('a'), aDelivery('b')]);
    const next = { name: SCOPE, holder: 'another', now: T, ttlMs: 1 };
    expect(await again.lease(next)).toMatchObject({ fence: lease.fence + 1 });
    await again.close();
  });

  test('of an older version is brought to this one, and what it did not know is null', async () => {
    const path = newFile();
    const store = await open(path);
    await launched(store, ['i-1']);
    const row = await store.instanceById('i-1');
    await store.close();
    const db = new DatabaseSync(path);
    db.exec('alter table instances drop column "diskGb"; delete from migrations where version > 7');
    db.close();
    const again = await open(path);
    expect(row).toMatchObject({ diskGb: 30 });
    expect(await again.instanceById('i-1')).toEqual({ ...row, diskGb: null });
    await again.close();
  });

  test('has one owner at a time', async () => {
    const path = newFile();
    const store = await open(path);
    expect(await refusal(path)).toMatch(`database ${path}: another process has it open`);
    await store.close();
    expect(await refusal(path)).toBe('opened');
  });

  test('is made with its folder', async () => {
    expect(await refusal(join(folder, 'new', 'data', 'a.db'))).toBe('opened');
  });

  test('of a newer version is left alone', async () => {
    const path = newFile();
    await (await open(path)).close();
    const db = new DatabaseSync(path);
    db.exec('insert into migrations values (99)');
    db.close();
    expect(await refusal(path)).toMatch(`database ${path}: a newer dstack wrote it (version 99`);
    expect(await refusal(path)).toMatch('version 99');
  });

  test('that is none is refused by name', async () => {
    const path = newFile();
    writeFileSync(path, 'a letter to a friend, and longer than a page of a database\n'.repeat(99));
    expect(await refusal(path)).toBe(`database ${path}: it is not a SQLite database`);
    const nowhere = join(path, 'in-a-file.db');
    expect(await refusal(nowhere)).toMatch(`database ${nowhere}: it cannot be opened`);
    expect(await refusal('/proc/no/such/a.db')).toMatch('it cannot be opened');
    mkdirSync(join(folder, 'folder.db'));
    expect(await refusal(join(folder, 'folder.db'))).toMatch('it cannot be opened');
  });

  // Whoever is root may write to what is read-only, so that SQLite has nothing to refuse.
  (process.getuid?.() === 0 ? test.skip : test)(
    'that is read-only is refused by name',
    async () => {
      const path = newFile();
      await (await open(path)).close();
      chmodSync(path, 0o400);
      expect(await refusal(path)).toBe(`database ${path}: it is read-only`);
    },
  );
});

describe('a process that is killed while it writes', () => {
  const child = join(import.meta.dirname, 'sqlite-child.ts');

  /** Deliveries that the process was told are kept, up to the kill. */
  async function writeAndDie(path: string, prefix: string): Promise<readonly string[]> {
    const running = spawn(process.execPath, [child, path, prefix], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const told: string[] = [];
    for await (const line of createInterface({ input: running.stdout })) {
      told.push(line);
      if (told.length === 50) running.kill('SIGKILL');
    }
    if (running.exitCode === null && running.signalCode === null) await once(running, 'exit');
    expect(running.signalCode).toBe('SIGKILL');
    return told;
  }

  test('loses nothing that it was told is kept', async () => {
    const path = newFile();
    const told = [...(await writeAndDie(path, 'a')), ...(await writeAndDie(path, 'b'))];
    const store = await open(path);
    const kept = new Set((await store.unapplied(100_000)).map(({ id }) => id));
    expect(told.length).toBeGreaterThanOrEqual(100);
    expect(told.filter((id) => !kept.has(id))).toEqual([]);
    await store.close();
  });

  test('leaves the file to the next owner, while a living one keeps it', async () => {
    const path = newFile();
    const store = await open(path);
    const running = spawn(process.execPath, [child, path, 'c'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines: string[] = [];
    for await (const line of createInterface({ input: running.stdout })) {
      lines.push(line);
      // One that was let in would write for ever.
      running.kill('SIGKILL');
    }
    expect(lines).toEqual([await refusal(path)]);
    await store.close();
  });
});
