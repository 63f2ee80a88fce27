import type { CommandError } from '../model/command.ts';
import type { Spending } from '../model/meter.ts';
import type {
  CallCounts,
  EndedRow,
  JobLink,
  MachineRow,
  Month,
  Outcome,
  Place,
  RanOn,
  RuleRow,
  RulesState,
  Told,
  WaitRow,
} from '../model/outcome.ts';
import type { RulesProblem } from '../model/rules.ts';

// What a command's `data` looks like, kind by kind: model/outcome.ts as a JSON Schema. The compiler holds
// that every field of the type is described, and no other.

export type Schema = Readonly<Record<string, unknown>>;

export const TEXT: Schema = { type: 'string' };
export const NUMBER: Schema = { type: 'number' };
export const WHOLE: Schema = { type: 'integer' };
export const FLAG: Schema = { type: 'boolean' };

export const listOf = (items: Schema): Schema => ({ type: 'array', items });
export const orNull = (schema: Schema): Schema => ({ anyOf: [schema, { type: 'null' }] });
export const oneOf = (...words: readonly string[]): Schema => ({ enum: words });

/** All are required, but for those whose name ends in `?`. */
export function fields(of: Readonly<Record<string, Schema>>): Schema {
  const entries = Object.entries(of);
  return {
    type: 'object',
    required: entries.map(([name]) => name).filter((name) => !name.endsWith('?')),
    properties: Object.fromEntries(entries.map(([name, is]) => [name.replace('?', ''), is])),
  };
}

/** A schema for each field of the type; the name of one that may be left out ends in `?`. */
type Fields<T> = {
  readonly [F in keyof T & string as undefined extends T[F] ? `${F}?` : F]-?: Schema;
};

const of = <T>(described: Fields<T>): Schema => fields(described);

/** Milliseconds since 1970, as everywhere in `data`. */
const AT = WHOLE;
const JOB = of<JobLink>({ id: WHOLE, name: TEXT, url: TEXT });
const MARKET = oneOf('spot', 'on-demand');

const RULE = of<RuleRow>({
  type: TEXT,
  region: TEXT,
  market: oneOf('spot', 'on-demand', 'auto'),
  nowUsd: orNull(NUMBER),
  atMostUsd: orNull(NUMBER),
  inUse: WHOLE,
  max: WHOLE,
  status: TEXT,
});

const STATE = of<RulesState>({
  enabled: FLAG,
  rows: listOf(RULE),
  held: listOf(TEXT),
  monthUsd: NUMBER,
  unpriced: WHOLE,
  month: of<Month>({ jobs: WHOLE, machineMs: WHOLE }),
  budgetUsd: orNull(NUMBER),
  asOf: AT,
});

const MACHINE_FIELDS = {
  id: TEXT,
  type: TEXT,
  zone: TEXT,
  market: MARKET,
  state: oneOf('requested', 'pending', 'online', 'busy', 'ending', 'gone'),
  reason: TEXT,
  job: orNull(JOB),
  upMs: NUMBER,
  usd: NUMBER,
};
const MACHINE = of<MachineRow>(MACHINE_FIELDS);
const SHAPE = of<NonNullable<RanOn['shape']>>({
  arch: oneOf('x64', 'arm64'),
  vcpus: WHOLE,
  memoryMib: WHOLE,
  gpus: orNull(fields({ name: TEXT, count: WHOLE })),
});
const RAN_ON = of<RanOn>({ ...MACHINE_FIELDS, priceUsd: orNull(NUMBER), shape: orNull(SHAPE) });

const WAIT = of<WaitRow>({ job: JOB, since: AT, labels: listOf(TEXT), code: TEXT, reason: TEXT });
const ENDED = of<EndedRow>({
  id: TEXT,
  type: TEXT,
  isCut: FLAG,
  job: orNull(JOB),
  ranMs: orNull(NUMBER),
});
const PLACE = of<Place>({
  kind: oneOf('commit', 'pull', 'lifted', 'held'),
  name: TEXT,
  url: TEXT,
  branch: TEXT,
});
const TOLD = of<Told>({
  job: JOB,
  state: TEXT,
  text: TEXT,
  waitedMs: orNull(NUMBER),
  ranMs: orNull(NUMBER),
  machine: orNull(RAN_ON),
});
const PROBLEM = of<RulesProblem>({
  line: WHOLE,
  column: WHOLE,
  endColumn: WHOLE,
  kind: TEXT,
  message: TEXT,
});

const MISTAKE = of<CommandError>({
  what: TEXT,
  line: TEXT,
  at: { type: 'array', items: WHOLE, minItems: 2, maxItems: 2 },
  'nearest?': TEXT,
  example: TEXT,
  'topic?': TEXT,
  nothingChanged: FLAG,
});

const SPENT = of<CallCounts>({
  github: of<Spending>({ work: WHOLE, healing: WHOLE, free: WHOLE, healingMost: NUMBER }),
  ec2Writes: WHOLE,
});

type Of<K extends Outcome['kind']> = Omit<Extract<Outcome, { kind: K }>, 'kind'>;

const KINDS: { readonly [K in Outcome['kind']]: Fields<Of<K>> } = {
  changed: {
    head: TEXT,
    state: STATE,
    ended: listOf(ENDED),
    place: PLACE,
    undo: orNull(TEXT),
    notes: listOf(TEXT),
  },
  unchanged: { head: TEXT, state: STATE },
  info: {
    state: STATE,
    waits: listOf(WAIT),
    machines: listOf(MACHINE),
    rules: fields({ commit: orNull(TEXT), url: TEXT }),
    calls: orNull(fields({ used: WHOLE, limit: WHOLE })),
    spent: orNull(SPENT),
  },
  runners: { machines: listOf(MACHINE), asOf: AT },
  explain: { told: listOf(TOLD) },
  foreseen: { labels: listOf(TEXT), isServed: FLAG, code: TEXT, text: TEXT },
  help: { 'topic?': TEXT },
  refused: { text: TEXT, 'hint?': TEXT, 'isForbidden?': { const: true }, 'url?': TEXT },
  'file-problems': { problems: listOf(PROBLEM), url: TEXT },
  error: { error: MISTAKE },
};

export const OUTCOME: Schema = {
  oneOf: Object.entries(KINDS).map(([kind, rest]) => fields({ kind: { const: kind }, ...rest })),
};
