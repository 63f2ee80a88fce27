/** A broken promise of our own code: it ends the tick, is logged once, and the next tick starts clean. */
export class Bug extends Error {
  override readonly name = 'Bug';
}

/** What we stand on does not work now, such as a full disk: no bug, and it may heal. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable';
}

export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Bug(message);
}

/** For the `default` of a switch that names every case; the type checker proves it is not reached. */
export function unreachable(value: never): never {
  throw new Bug(`unreachable: ${JSON.stringify(value)}`);
}
