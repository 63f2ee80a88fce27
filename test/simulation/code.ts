import { createCatalogue } from '../../src/act/catalogue.ts';
import { createApp } from '../../src/app.ts';
import { createKeys } from '../../src/lib/keys.ts';
import { createMemoryStore } from '../../src/store/memory.ts';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { parseEvent } from '../../src/webhook/parse.ts';

/** What of the app a simulation runs: the sound one, or a copy with a defect planted in it. */
export interface Code {
  readonly createApp: typeof createApp;
  readonly createCatalogue: typeof createCatalogue;
  readonly createKeys: typeof createKeys;
  readonly createMemoryStore: typeof createMemoryStore;
  readonly openSqliteStore: typeof openSqliteStore;
  readonly parseEvent: typeof parseEvent;
}

export const soundCode: Code = {
  createApp,
  createCatalogue,
  createKeys,
  createMemoryStore,
  openSqliteStore,
  parseEvent,
};

/** The same functions of another copy of `src`; Node gives each path modules of its own. */
export async function loadCode(src: URL): Promise<Code> {
  const load = (file: string): Promise<Partial<Code>> => import(new URL(file, src).href);
  const files = [
    'app.ts',
    'act/catalogue.ts',
    'lib/keys.ts',
    'store/memory.ts',
    'store/sqlite.ts',
    'webhook/parse.ts',
  ];
  const modules = await Promise.all(files.map(load));
  return Object.assign({ ...soundCode }, ...modules.map((one) => ({ ...one })));
}
