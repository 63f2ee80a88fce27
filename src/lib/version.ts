import { readFileSync } from 'node:fs';

const PACKAGE = new URL('../../package.json', import.meta.url);

/** Of this program: the same for the app, its daemon and the command line. */
export const ownVersion = (): string =>
  String(Object(JSON.parse(readFileSync(PACKAGE, 'utf8'))).version);
