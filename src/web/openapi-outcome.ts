// What a command's `data` looks like, kind by kind: model/outcome.ts as a JSON Schema.

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

/** Milliseconds since 1970, as everywhere in `data`. */
const AT = WHOLE;
const JOB = fields({ id: WHOLE, name: TEXT, url: TEXT });
const MARKET = oneOf('spot', 'on-demand');

const RULE = fields({
  type: TEXT,
  region: TEXT,
  market: oneOf('spot', 'on-demand', 'auto'),
  nowUsd: orNull(NUMBER),
  atMostUsd: orNull(NUMBER),
  inUse: WHOLE,
  max: WHOLE,
  status: TEXT,
});

const STATE = fields({ enabled: FLAG, rows: listOf(RULE), monthUsd: NUMBER, asOf: AT });

const MACHINE = fields({
  id: TEXT,
  type: TEXT,
  zone: TEXT,
  market: MARKET,
  state: oneOf('requested', 'pending', 'online', 'busy', 'ending', 'gone'),
  reason: TEXT,
  job: orNull(JOB),
  upMs: NUMBER,
  usd: NUMBER,
});

const WAIT = fields({ job: JOB, since: AT, labels: listOf(TEXT), code: TEXT, reason: TEXT });
const ENDED = fields({ id: TEXT, type: TEXT, job: orNull(JOB), ranMs: orNull(NUMBER) });
const PLACE = fields({ kind: oneOf('commit', 'pull'), name: TEXT, url: TEXT, branch: TEXT });
const TOLD = fields({ job: JOB, state: TEXT, text: TEXT, machine: orNull(MACHINE) });
const SPOT = { line: WHOLE, column: WHOLE, endColumn: WHOLE };
const PROBLEM = fields({ ...SPOT, kind: TEXT, message: TEXT });

const MISTAKE = fields({
  what: TEXT,
  line: TEXT,
  at: { type: 'array', items: WHOLE, minItems: 2, maxItems: 2 },
  'nearest?': TEXT,
  example: TEXT,
  'topic?': TEXT,
  nothingChanged: FLAG,
});

const kind = (name: string, of: Readonly<Record<string, Schema>>): Schema =>
  fields({ kind: { const: name }, ...of });

export const OUTCOME: Schema = {
  oneOf: [
    kind('changed', {
      head: TEXT,
      state: STATE,
      ended: listOf(ENDED),
      place: PLACE,
      undo: orNull(TEXT),
      notes: listOf(TEXT),
    }),
    kind('unchanged', { head: TEXT, state: STATE }),
    kind('info', {
      state: STATE,
      waits: listOf(WAIT),
      machines: listOf(MACHINE),
      rules: fields({ commit: orNull(TEXT), url: TEXT }),
    }),
    kind('runners', { machines: listOf(MACHINE), asOf: AT }),
    kind('explain', { told: listOf(TOLD) }),
    kind('help', { 'topic?': TEXT }),
    kind('refused', { text: TEXT, 'hint?': TEXT, 'isForbidden?': { const: true } }),
    kind('file-problems', { problems: listOf(PROBLEM), url: TEXT }),
    kind('error', { error: MISTAKE }),
  ],
};
