import type { RawBuilder } from 'kysely';
import type { Db } from './sql/tables.ts';

/** Everything in which databases differ for us; the queries are the same. */
export interface Dialect {
  /** Column types; ids and times are whole numbers up to 2^53. */
  readonly types: {
    readonly text: string;
    readonly integer: string;
    readonly real: string;
    /** A number that grows with each row, as the primary key. */
    readonly serial: string;
  };
  /** `select … for update` is understood, and needed: transactions run side by side. */
  readonly locksRows: boolean;
  /**
   * Waits until no other transaction holds one of these names, and holds them to its own end. For
   * decisions about rows that may not be there yet; must come before the first read.
   */
  lock(tx: Db, names: readonly string[]): Promise<void>;
  /** The values of a JSON list, for `in`: the same statement for lists of any length. */
  list<Value>(json: string, of: 'text' | 'integer'): RawBuilder<Value>;
  /**
   * A transaction that does not wait for the disk. With the power it may be lost, as a whole and only
   * together with all later ones, until the next one that waits.
   */
  relaxed<T>(db: Db, work: (tx: Db) => Promise<T>): Promise<T>;
}
