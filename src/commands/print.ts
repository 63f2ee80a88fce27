import type { Command } from '../model/command.ts';
import { flagOf, takesWord } from './spec.ts';
import { COMMANDS } from './table.ts';

/** The one way to write a command, without the program's name; parsed, it is the same command. */
export function printCommand(command: Command): string {
  const values = new Map<string, unknown>(Object.entries(command));
  const words = Object.entries(COMMANDS[command.name].parameters).flatMap(([field, parameter]) => {
    const value = values.get(field);
    if (value === undefined) return [];
    const flag = flagOf(parameter);
    if (flag === undefined) return [String(value)];
    return takesWord(parameter) ? [`--${flag}`, String(value)] : [`--${flag}`];
  });
  return [command.name, ...words].join(' ');
}
