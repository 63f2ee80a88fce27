import { openSqliteStore } from '../../src/store/sqlite.ts';
import { aDelivery } from './rows.ts';

// Writes deliveries until it is killed, and says which ones it was told are kept.
const [path = '', prefix = ''] = process.argv.slice(2);
const opened = await openSqliteStore(path);
if (opened.ok) {
  for (let i = 0; ; i += 1) {
    const id = `${prefix}-${i}`;
    await opened.store.receive([aDelivery(id)]);
    process.stdout.write(`${id}\n`);
  }
}
process.stdout.write(`${opened.message}\n`);
