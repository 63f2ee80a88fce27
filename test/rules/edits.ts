import type { RulesChange } from '../../src/model/rules.ts';
import { type EditedRules, editRules } from '../../src/rules/edit.ts';

export const SCHEMA = 'https://example.com/dstack.json';

type Allow = Extract<RulesChange, { kind: 'allow' }>;

export const allow = (max: number, more: Partial<Allow> = {}): RulesChange => ({
  kind: 'allow',
  type: 'm5.xlarge',
  region: 'eu-west-1',
  max,
  ...more,
});

export const edit = (
  text: string | null,
  change: RulesChange,
  options: { defaultRegion?: string } = {},
): EditedRules => editRules(text, change, { schemaUrl: SCHEMA, ...options });

/** The text after the change, or its first problem. */
export function edited(...args: Parameters<typeof edit>): string | null {
  const result = edit(...args);
  if (result.ok) return result.text;
  const [first] = result.problems;
  return `${first?.line}:${first?.column} ${first?.kind} ${first?.message}`;
}
