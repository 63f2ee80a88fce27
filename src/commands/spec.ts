// commands: one grammar for comments, the CLI, the Action and HTTP: find, parse, print, help. Every
// door calls it. It promises that any text gets an answer at once: a command as plain data, or an
// error with its spot, the nearest word and a line that works. It knows no permission and runs
// nothing: act does what a command says.

import type { Command, CommandName, Door } from '../model/command.ts';

/** One argument or option: how it is written in usage, and how its word becomes a value. */
export interface Parameter<T, IsRequired extends boolean = boolean> {
  /** `INSTANCE_TYPE`, `--max MAX` or `--force`. */
  readonly form: string;
  readonly help: string;
  readonly isRequired: IsRequired;
  readonly value: Value<T>;
}

export interface Value<T> {
  /** Ends the sentence "… is not …". */
  readonly accepts: string;
  /** undefined: the word is not one. */
  of(word: string): T | undefined;
  /** One that could stand where it is missing. */
  readonly sample?: string;
  /** The word that was probably meant. */
  nearest?(word: string): string | undefined;
}

/** A parameter for each field of the command; a field that is always there is required. */
type Parameters<C extends Command> = {
  readonly [F in keyof Omit<C, 'name'>]-?: Parameter<
    NonNullable<Omit<C, 'name'>[F]>,
    undefined extends Omit<C, 'name'>[F] ? false : true
  >;
};

interface Spec<N extends CommandName> {
  readonly name: N;
  readonly summary: string;
  readonly parameters: Parameters<Extract<Command, { name: N }>>;
  /** Whole lines, without the program's name. The first one stands in errors. */
  readonly examples: readonly [string, ...string[]];
  /** The permission that it needs; who has it, and where more is asked, is for others to say. */
  readonly needs: 'read' | 'write' | 'admin';
  readonly changes: boolean;
  readonly doors: readonly Door[];
}

export type CommandSpec = Omit<Spec<CommandName>, 'parameters'> & {
  readonly parameters: Readonly<Record<string, Parameter<unknown>>>;
};

/** Holds that a command's parameters are the fields of its data. */
export const command = <N extends CommandName>(spec: Spec<N>): CommandSpec => spec;

export const EVERY_DOOR: readonly Door[] = ['comment', 'cli', 'action', 'http'];

/** `max` of `--max MAX`; undefined for an argument. */
export const flagOf = ({ form }: Parameter<unknown>): string | undefined =>
  /^--([a-z-]+)/.exec(form)?.[1];

/** Whether a word follows the option. */
export const takesWord = ({ form }: Parameter<unknown>): boolean => form.includes(' ');
