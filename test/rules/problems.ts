import type { RulesFile } from '../../src/model/rules.ts';
import { type ParseOptions, parseRules } from '../../src/rules/parse.ts';

/** The smallest useful file; a test appends lines to its one rule, or further rules. */
export const ONE_RULE = `autoscale:
  region: eu-west-1
  rules:
    - instance-type: m5.xlarge
      max: 1
`;

/** Errors of a bad file or warnings of a good one, as `line:column-end kind message`. */
export function problemsOf(text: string, options?: ParseOptions): readonly string[] {
  const parsed = parseRules(text, options);
  const problems = parsed.ok ? parsed.warnings : parsed.errors;
  return problems.map((p) => `${p.line}:${p.column}-${p.endColumn} ${p.kind} ${p.message}`);
}

export function rulesOf(text: string, options?: ParseOptions): RulesFile {
  const parsed = parseRules(text, options);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
  return parsed.rules;
}
