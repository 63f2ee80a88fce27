import { Secret } from './secret.ts';

/** One environment variable: how it is documented, and how its text becomes a value. */
export interface Variable<T> {
  /** As it would be written; null: none. */
  readonly default: string | null;
  readonly meaning: string;
  /** Ends the sentence "write …". */
  readonly accepts: string;
  /** The value is never shown. */
  readonly isSecret: boolean;
  /** undefined: not accepted. */
  parse(text: string): T | undefined;
}

export type Env = Readonly<Record<string, string | undefined>>;
export type Variables = Readonly<Record<string, Variable<unknown>>>;

/** What was read: null where nothing is written and there is no default. */
export type VariableValues<V extends Variables> = {
  readonly [N in keyof V]: V[N] extends Variable<infer T>
    ? T | (V[N]['default'] extends string ? never : null)
    : never;
};

const MAX_SHOWN = 80;
const MAX_MS = 86_400_000;

/**
 * Values, and one problem for each that was refused; the default stands in for it, so that the rest
 * can be checked too. A variable that is set to nothing is not set.
 */
export function readVariables<V extends Variables>(
  variables: V,
  env: Env,
): { readonly values: VariableValues<V>; readonly problems: readonly string[] } {
  const problems: string[] = [];
  const entries = Object.entries(variables).map(([name, variable]) => {
    const fallback = variable.default === null ? null : variable.parse(variable.default);
    const text = env[name];
    if (!text) return [name, fallback];
    const value = variable.parse(text);
    if (value === undefined) problems.push(problemOf(name, { text, variable }));
    return [name, value ?? fallback];
  });
  return { values: Object.fromEntries(entries) as VariableValues<V>, problems };
}

function problemOf(
  name: string,
  { text, variable }: { text: string; variable: Variable<unknown> },
): string {
  const shown = variable.isSecret ? 'the value' : show(text);
  return `${name}: ${shown} is not accepted; write ${variable.accepts}`;
}

/** One line, cut, without the password that a URL may hold. */
function show(text: string): string {
  const open = text.replace(/\/\/[^/]*@/g, '//***@');
  return JSON.stringify(open.length > MAX_SHOWN ? `${open.slice(0, MAX_SHOWN - 1)}…` : open);
}

export function wholeNumber(
  text: string,
  { min, max }: { min: number; max: number },
): number | undefined {
  const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
  return value >= min && value <= max ? value : undefined;
}

/** An http or https URL without user, query and fragment; without the slash at its end. */
export function httpUrl(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) return undefined;
  return /[?#@\s]/.test(text) ? undefined : url;
}

export const withoutSlash = (url: URL): string => url.href.replace(/\/+$/, '');

export function isLoopback(url: URL): boolean {
  return /^(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])$/.test(url.hostname);
}

type Options<T> = Pick<Variable<T>, 'meaning' | 'accepts' | 'parse'> & { isSecret?: boolean };

export const variable = <T>(options: Options<T>): Variable<T> & { default: null } => ({
  default: null,
  isSecret: false,
  ...options,
});

/** The default is written as it would be in the environment. */
export const defaulted = <T>(
  written: string,
  options: Options<T>,
): Variable<T> & { default: string } => ({
  isSecret: false,
  ...options,
  default: written,
});

export const shaped = (shape: RegExp) => (text: string) => (shape.test(text) ? text : undefined);

export const secret = ({ meaning, min }: { meaning: string; min: number }) =>
  variable({
    meaning,
    accepts: `at least ${min} characters`,
    isSecret: true,
    parse: (text) => (text.length >= min ? new Secret(text) : undefined),
  });

export const url = (meaning: string) =>
  variable({
    meaning,
    accepts: 'an http or https URL',
    parse: (text) => {
      const parsed = httpUrl(text);
      return parsed && withoutSlash(parsed);
    },
  });

export const oneOf = <const W extends string>(words: readonly W[]) => ({
  accepts: words.join(', '),
  parse: (text: string) => words.find((word) => word === text),
});

export const millis = (defaultMs: number, meaning: string) =>
  defaulted(String(defaultMs), {
    meaning,
    accepts: `milliseconds, a whole number from 10 to ${MAX_MS}`,
    parse: (text) => wholeNumber(text, { min: 10, max: MAX_MS }),
  });
