import type { RulesProblem } from '../model/rules.ts';

/** What is wrong where the rules file should be, and is no text that GitHub hands out. */
export const unreadable = (code: string): RulesProblem => ({
  kind: 'unreadable',
  line: 1,
  column: 1,
  endColumn: 2,
  message: code === 'no-text' ? NO_TEXT : NO_FILE,
});

const NO_TEXT = 'it is larger than 1 MB, and GitHub hands out no more: make it smaller';
const NO_FILE =
  'it is a folder, a submodule or a link that leads to no file: put a file of text in its place';
