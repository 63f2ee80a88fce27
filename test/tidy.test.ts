import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, test } from '@jest/globals';

// Holds the layout: who may import whom, what only lib may touch, and how long a file may be.

const ROOT = join(import.meta.dirname, '..');

/** By value, a file imports from lower levels and from its own folder only. */
const LEVELS: Readonly<Record<string, number>> = {
  lib: 0,
  model: 1,
  'settings.ts': 1,
  rules: 2,
  plan: 2,
  commands: 2,
  daemon: 2,
  store: 3,
  ec2: 3,
  github: 3,
  accounts: 3,
  sandbox: 3,
  act: 4,
  webhook: 4,
  gateway: 4,
  web: 4,
  cli: 4,
  action: 4,
  'reconcile.ts': 5,
  'loop.ts': 6,
  'app.ts': 7,
  'main.ts': 8,
  'demo.ts': 8,
  'doctor.ts': 8,
};

/** Adapters are made in the composition roots; everybody else knows them by their port. */
const ADAPTERS = ['store', 'ec2', 'github', 'accounts', 'sandbox'];

/** Type imports may also go to ports and to the model's siblings, never to a higher level's code. */
const isPort = (to: string) => /^(store|ec2|github|accounts)\/port\.ts$/.test(to);

/** What each SDK may be imported by. */
const SDKS: readonly (readonly [RegExp, RegExp])[] = [
  [/^@aws-sdk\//, /^(ec2|accounts)\//],
  [/^@octokit\//, /^github\//],
  [/^probot$/, /^github\//],
  [/^kysely/, /^store\//],
  [/^node:sqlite$/, /^store\//],
  [/^yaml$/, /^(rules|github)\//],
  [/^prom-client$/, /^web\//],
  [/^pino$/, /^(main|demo)\.ts$/],
  [/^@smithy\//, /^daemon\//],
];

interface Import {
  readonly to: string;
  readonly isType: boolean;
}

function filesBelow(folder: string): readonly string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.ts$/.test(entry.name))
    .map((entry) => relative(join(ROOT, folder), join(entry.parentPath, entry.name)))
    .sort();
}

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** The action lies beside src and is a folder of it all the same. */
const sources = new Map([
  ...filesBelow('src').map((file) => [file, read(`src/${file}`)] as const),
  ...filesBelow('action/src').map((file) => {
    const text = read(`action/src/${file}`).replaceAll("'../../src/", "'../");
    return [`action/${file}`, text] as const;
  }),
]);

function importsOf(file: string, text: string): readonly Import[] {
  const found = [
    ...text.matchAll(/^(?:import|export)\s+(type\s)?[^'";]*?from\s+'([^']+)'/gm),
    ...text.matchAll(/(?:^import|\bimport\()\s*()'([^']+)'/gm),
  ];
  return found.map(([, type, from = '']) => ({
    isType: Boolean(type),
    to: from.startsWith('.') ? join(file, '..', from) : from,
  }));
}

const placeOf = (file: string): string => {
  const [first = ''] = file.split('/');
  return first;
};

const problems = (judge: (file: string, text: string) => readonly string[]): readonly string[] =>
  [...sources].flatMap(([file, text]) => judge(file, text).map((what) => `${file}: ${what}`));

describe('the layout', () => {
  test('every folder and root file has a level', () => {
    const unknown = [...sources.keys()].filter((file) => LEVELS[placeOf(file)] === undefined);
    expect(unknown).toEqual([]);
  });

  test('imports by value go to a lower level or stay in the folder', () => {
    const wrong = problems((file, text) =>
      importsOf(file, text)
        .filter(({ to, isType }) => !isType && LEVELS[placeOf(to)] !== undefined)
        .filter(({ to }) => placeOf(to) !== placeOf(file))
        .filter(({ to }) => (LEVELS[placeOf(to)] ?? 9) >= (LEVELS[placeOf(file)] ?? 0))
        .map(({ to }) => `imports ${to}, which is not below it`),
    );
    expect(wrong).toEqual([]);
  });

  test('adapters are imported by value in the composition roots only', () => {
    const wrong = problems((file, text) =>
      importsOf(file, text)
        .filter(({ to, isType }) => !isType && ADAPTERS.includes(placeOf(to)))
        .filter(({ to }) => placeOf(to) !== placeOf(file))
        .filter(() => !['main.ts', 'demo.ts', 'doctor.ts'].includes(file))
        .map(({ to }) => `imports ${to}`),
    );
    expect(wrong).toEqual([]);
  });

  test('types are imported from below, from the folder or from a port', () => {
    const wrong = problems((file, text) =>
      importsOf(file, text)
        .filter(({ to, isType }) => isType && LEVELS[placeOf(to)] !== undefined)
        .filter(({ to }) => placeOf(to) !== placeOf(file) && !isPort(to))
        .filter(({ to }) => (LEVELS[placeOf(to)] ?? 9) >= (LEVELS[placeOf(file)] ?? 0))
        .map(({ to }) => `imports the type of ${to}, which is not below it`),
    );
    expect(wrong).toEqual([]);
  });

  test('an SDK stays in the folder of its adapter', () => {
    const wrong = problems((file, text) =>
      importsOf(file, text)
        .filter(({ isType }) => !isType)
        .flatMap(({ to }) => SDKS.filter(([sdk, home]) => sdk.test(to) && !home.test(file)))
        .map(([sdk]) => `imports ${sdk}`),
    );
    expect(wrong).toEqual([]);
  });

  test('the plan is synchronous', () => {
    const wrong = problems((file, text) =>
      placeOf(file) === 'plan' && /\basync\b|\bawait\b|\bPromise\b/.test(text) ? ['is async'] : [],
    );
    expect(wrong).toEqual([]);
  });
});

/** Where time, chance, the environment and the network may be touched by name. */
const MAY_TOUCH: readonly (readonly [what: RegExp, where: RegExp])[] = [
  [
    /\bDate\b\.|\bnew Date\b|\bperformance\./,
    /^(lib|daemon|ec2)\/|^(main|demo)\.ts$|^sandbox\/kernel\.ts$/,
  ],
  [/\bset(?:Timeout|Interval|Immediate)\(/, /^(lib|daemon)\//],
  [/\bqueueMicrotask\(|\bprocess\.nextTick\b/, /^sandbox\/kernel\.ts$/],
  [/\bMath\.random\b|\brandomBytes\b|\brandomUUID\b|\bgetRandomValues\b/, /^(lib|daemon)\//],
  [/\bprocess\.env\b/, /^(action\/main|main|demo|doctor)\.ts$|^daemon\//],
  [/\bfetch\(/, /^(daemon|github|sandbox)\/|^model\/user-data\.ts$|^doctor\.ts$/],
];

/** The text without its comments, so that a comment may name what the code may not use. */
const codeOf = (text: string): string =>
  text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[^:'"`])\/\/.*$/gm, '$1');

describe('the house', () => {
  test.each(MAY_TOUCH)('%s is used only in %s', (what, where) => {
    const wrong = problems((file, text) =>
      what.test(codeOf(text)) && !where.test(file) ? [`uses ${what}`] : [],
    );
    expect(wrong).toEqual([]);
  });

  test('files have at most 350 lines, tests 400', () => {
    const length = (text: string) => text.split('\n').length - 1;
    const long = [...sources].filter(([, text]) => length(text) > 350).map(([file]) => file);
    const tests = filesBelow('test').filter(
      (file) => length(readFileSync(join(ROOT, 'test', file), 'utf8')) > 400,
    );
    expect([...long, ...tests]).toEqual([]);
  });

  test('nothing is left to do in a comment, and no promise is cast away', () => {
    const wrong = problems((_, text) => [
      ...(/\b(?:TODO|FIXME|XXX)\b/.test(text) ? ['says TODO'] : []),
      ...(/\bas any\b|: any\b|@ts-ignore|@ts-expect-error/.test(codeOf(text)) ? ['uses any'] : []),
      ...(/^export default/m.test(text) ? ['has a default export'] : []),
      ...(/^\s*(?:export )?enum /m.test(text) ? ['has an enum'] : []),
    ]);
    expect(wrong).toEqual([]);
  });

  test('the word for at most so many live instances of a type is rule', () => {
    const wrong = problems((file, text) => (/\bpool\b/i.test(text) ? [`${file} says pool`] : []));
    expect(wrong).toEqual([]);
  });
});
