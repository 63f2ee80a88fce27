import type { RulesProblem } from '../../src/model/rules.ts';
import { parseRules } from '../../src/rules/parse.ts';
import type { Io } from './io.ts';

/** Checks a rules file as the app would, and says each mistake at its place. true: it is good. */
export function checkRules(io: Io, path: string, region: string): boolean {
  const { runner, env } = io;
  const text = io.read(path);
  if (text === undefined) {
    const what = `check: there is no file ${path}; does a step with actions/checkout come before?`;
    runner.annotate('error', what);
    return false;
  }
  // An owner's rules lie in their repository of that name, and have keys of their own.
  const isOwners = env['GITHUB_REPOSITORY']?.toLowerCase().endsWith('/.github') ?? false;
  const parsed = parseRules(text, {
    of: isOwners ? 'owner' : 'repository',
    ...(region === '' ? {} : { defaultRegion: region }),
  });
  const say = (level: 'error' | 'warning') => (problem: RulesProblem) => {
    const { line, column, endColumn, message } = problem;
    runner.annotate(level, message, { file: path, line, column, endColumn });
  };
  if (parsed.ok) {
    parsed.warnings.forEach(say('warning'));
    const count = parsed.rules.rules.length;
    runner.say(`${path} is good: ${count === 1 ? '1 rule' : `${count} rules`}`);
    return true;
  }
  parsed.errors.forEach(say('error'));
  const count = parsed.errors.length;
  runner.say(`${path} has ${count === 1 ? 'one mistake' : `${count} mistakes`}`);
  return false;
}
