import { type Answer, accept, refuse } from './ec2-launch.ts';

// The query protocol's way of writing lists: `InstanceId.1=…&Filter.1.Name=…&Filter.1.Value.1=…`.

export type Form = ReadonlyMap<string, string>;

export const parseForm = (body: string): Form => new Map(new URLSearchParams(body));

/** AWS takes at most 200 values in a filter and 1,000 ids in a call. */
const MOST_ITEMS = 1_000;

/** `Name.1`, `Name.2`, … up to the first that is missing. */
export function listOf(form: Form, name: string): readonly string[] {
  const list: string[] = [];
  for (let n = 1; n <= MOST_ITEMS; n++) {
    const value = form.get(`${name}.${n}`);
    if (value === undefined) break;
    list.push(value);
  }
  return list;
}

/** `Name.1.…`, `Name.2.…` as forms of their own. */
export function formsOf(form: Form, name: string): readonly Form[] {
  const forms: Form[] = [];
  for (let n = 1; n <= MOST_ITEMS; n++) {
    const prefix = `${name}.${n}.`;
    const part = [...form].filter(([key]) => key.startsWith(prefix));
    if (part.length === 0) break;
    forms.push(new Map(part.map(([key, value]) => [key.slice(prefix.length), value])));
  }
  return forms;
}

export function tagsOf(forms: readonly Form[]): Readonly<Record<string, string>> {
  return Object.fromEntries(forms.map((tag) => [tag.get('Key') ?? '', tag.get('Value') ?? '']));
}

export type Filters = ReadonlyMap<string, readonly string[]>;

/** The call's filters, or EC2's refusal of a name that it does not know here. */
export function filtersOf(form: Form, isKnown: (name: string) => boolean): Answer<Filters> {
  const filters = new Map(
    formsOf(form, 'Filter').map((one) => [one.get('Name') ?? '', listOf(one, 'Value')] as const),
  );
  const strange = [...filters.keys()].find((name) => !isKnown(name));
  return strange === undefined
    ? accept(filters)
    : refuse('InvalidParameterValue', `The filter '${strange}' is invalid`);
}

/** Rows that have one of the values for each filter; `*` stands for anything. */
export function filterRows<T>(
  form: Form,
  rows: readonly T[],
  columns: Readonly<Record<string, (row: T) => string>>,
): Answer<readonly T[]> {
  const filters = filtersOf(form, (name) => Object.hasOwn(columns, name));
  if (!filters.ok) return filters;
  const passes = (row: T) =>
    [...filters.value].every(([name, values]) =>
      values.some((value) => isLike(columns[name]?.(row) ?? '', value)),
    );
  return accept(rows.filter(passes));
}

const isLike = (text: string, pattern: string): boolean =>
  new RegExp(
    `^${pattern
      .split('*')
      .map((part) => part.replace(/[.?+^$()[\]{}|\\]/g, '\\$&'))
      .join('.*')}$`,
  ).test(text);
