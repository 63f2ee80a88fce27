interface Edit {
  readonly file: string;
  /** Stands there exactly once. */
  readonly find: string;
  readonly put: string;
}

/** A known bug, as a small patch of a copy of the source. */
export interface Mutant {
  readonly name: string;
  readonly edits: readonly Edit[];
  /** Promises that are not judged, because they would hide which other ones are broken. */
  readonly blindTo?: readonly string[];
}

export const mutant = (
  name: string,
  ...edits: readonly (readonly [file: string, find: string, put: string])[]
): Mutant => ({
  name,
  edits: edits.map(([file, find, put]) => ({ file, find, put })),
});
