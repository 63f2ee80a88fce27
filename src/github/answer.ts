import { fieldsOf, textOf } from '../model/github-json.ts';

/** What GitHub sent back, whatever its status. Header names are lower-case. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | number | undefined>>;
  readonly data: unknown;
}

export function headerOf(answer: Answer, name: string): string | undefined {
  const value = answer.headers[name];
  return value === undefined ? undefined : String(value);
}

/** A header that counts something; undefined when it is absent or counts nothing. */
export function countOf(answer: Answer, name: string): number | undefined {
  const text = headerOf(answer, name);
  return text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) : undefined;
}

/** GitHub's own sentence, for people. An error page of a proxy has none. */
export const messageOf = (answer: Answer): string =>
  textOf(fieldsOf(answer.data)['message'])?.slice(0, MAX_MESSAGE) ?? '';

const MAX_MESSAGE = 300;
