import type { HelpTopic } from '../model/command.ts';
import { command, EVERY_DOOR, type Value } from './spec.ts';

/** Looked up among the names of commands by the parser, which knows them all. */
const topic: Value<HelpTopic> = { accepts: 'a command', of: () => undefined };

export const help = command({
  name: 'help',
  summary: 'Shows all commands, or how to write one of them.',
  parameters: {
    topic: {
      form: 'COMMAND',
      help: 'Such as autoscale allow; without it all commands',
      isRequired: false,
      value: topic,
    },
  },
  examples: ['help', 'help autoscale allow'],
  needs: 'read',
  changes: false,
  doors: EVERY_DOOR,
});
