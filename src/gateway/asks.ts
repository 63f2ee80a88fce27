import type { Proof } from '../ec2/port.ts';
import { fieldsOf } from '../model/github-json.ts';

// What machines send, read at the border: here only shapes are judged, and nothing is believed.

export interface RegisterAsk {
  readonly launch: string;
  readonly token: string;
  readonly instance: string;
  readonly request: string;
  readonly proof: Proof;
}

/** No honest field is longer; a session token of STS has about 1,500 characters. */
const FIELD_LIMIT = 8_192;

function texts<K extends string>(value: unknown, keys: readonly K[]): Record<K, string> | K {
  const fields = fieldsOf(value);
  for (const key of keys) {
    const field = fields[key];
    if (typeof field !== 'string' || field.length > FIELD_LIMIT) return key;
  }
  return Object.fromEntries(keys.map((key) => [key, fields[key]])) as Record<K, string>;
}

/** The ask, or the name of the field that is missing or no string. */
export function parseRegister(body: unknown): RegisterAsk | { readonly missing: string } {
  const outer = texts(body, ['launch', 'token', 'instance', 'request']);
  if (typeof outer === 'string') return { missing: outer };
  const proof = texts(fieldsOf(body)['proof'], [
    'authorization',
    'date',
    'securityToken',
    'audience',
  ]);
  return typeof proof === 'string' ? { missing: `proof.${proof}` } : { ...outer, proof };
}

export const MACHINE_EVENT_KINDS = [
  'online',
  'job-started',
  'job-finished',
  'interruption',
  'rebalance',
  'log',
  'ending',
] as const;

export interface MachineEvent {
  readonly id: string;
  readonly kind: (typeof MACHINE_EVENT_KINDS)[number];
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A batch that is longer was not made by our daemon. */
export const MOST_EVENTS = 100;

/** undefined: not of the promised shape. A kind of a newer daemon is passed over. */
export function parseEvents(body: unknown): readonly MachineEvent[] | undefined {
  const { events } = fieldsOf(body);
  if (!Array.isArray(events) || events.length > MOST_EVENTS) return undefined;
  const parsed: MachineEvent[] = [];
  for (const one of events) {
    const fields = fieldsOf(one);
    const { id } = fields;
    if (typeof id !== 'string' || id === '' || id.length > 100) return undefined;
    const kind = MACHINE_EVENT_KINDS.find((known) => known === fields['kind']);
    if (kind) parsed.push({ id, kind, fields });
  }
  return parsed;
}
