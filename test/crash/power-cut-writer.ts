import { writeSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { openSqliteStore } from '../../src/store/sqlite.ts';

// Writes deliveries one by one and says each as soon as it was told that it is kept: by our store, or
// by a bare SQLite with another `synchronous`, to see what that would cost.

const [path = '', how = 'store', count = '0'] = process.argv.slice(2);
const keep = how === 'store' ? await keepByStore() : keepBare(how);
for (let n = 1; n <= Number(count); n += 1) {
  await keep(`delivery-${n}`);
  writeSync(1, `delivery-${n}\n`);
}
// As a power cut ends it: without the last words of a close.
process.kill(process.pid, 'SIGKILL');

async function keepByStore(): Promise<(id: string) => Promise<unknown>> {
  const opened = await openSqliteStore(path);
  if (!opened.ok) throw new Error(opened.message);
  const who = { installation: 1, ownerId: 1, repos: null };
  const event = { kind: 'installation', action: 'added', ...who } as const;
  return (id) => opened.store.receive([{ id, at: 1, event }]);
}

function keepBare(synchronous: string): (id: string) => Promise<void> {
  const db = new DatabaseSync(path);
  db.exec(`pragma journal_mode = wal; pragma synchronous = ${synchronous}`);
  db.exec('pragma locking_mode = exclusive; create table deliveries (id text)');
  const insert = db.prepare('insert into deliveries values (?)');
  return async (id) => void insert.run(id);
}
