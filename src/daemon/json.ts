/** Everything that comes from outside enters as `unknown` and leaves through these. */
export type JsonObject = { readonly [key: string]: unknown };

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * The object that the text holds; an empty one where it holds none, so that every field is absent.
 */
export function parseObject(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

export function textOf(object: JsonObject, key: string): string | undefined {
  const value = object[key];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** A positive number of the object, else the default: a strange setting must not stop a machine. */
export function numberOf(object: JsonObject, key: string, otherwise: number): number {
  const value = object[key];
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : otherwise;
}
