import { ownersLines, rulesText } from './population.ts';
import type { Fault, OwnChange, RepoPlan, RulePlan } from './scenario.ts';
import type { World } from './world.ts';

// What becomes of files under an owner's rules: a repository's own comes, says less, more or something
// else, and goes; and the owner's says what such files may.

type Of<K extends Fault['kind']> = Extract<Fault, { kind: K }>;

export const BROKEN = 'autoscale:\n  rules:\n    - instance-type: 7\n';
/** In the calm there is room for more machines than before. */
const CALM_ROOM = 4;

export const raised = (rules: readonly RulePlan[]): readonly RulePlan[] =>
  rules.map((rule) => ({ ...rule, max: rule.max + 2 }));

export const roomyOf = (rules: readonly RulePlan[]): readonly RulePlan[] =>
  rules.map((rule) => ({ ...rule, max: rule.max + CALM_ROOM }));

/** What its own file says in the calm; no fault writes the same. */
export const ownText = (plan: RepoPlan | undefined): string | null =>
  plan?.own ? `# As it was.\n${rulesText(roomyOf(plan.own))}` : null;

export function changeOwn({ kernel, scenario, writeOwn }: World, fault: Of<'own-file'>): void {
  const rules = scenario.repos[fault.repo]?.rules ?? [];
  const less = rules.map((rule) => ({ ...rule, max: Math.max(0, rule.max - 1) }));
  const texts: Readonly<Record<OwnChange, string | null>> = {
    less: rulesText(less),
    more: rulesText(raised(rules)),
    other: rulesText(rules.slice(0, 1).map((rule) => ({ ...rule, type: 'm5.2xlarge', max: 2 }))),
    empty: rulesText([]),
    disabled: rulesText(rules, ['enabled: false']),
    broken: BROKEN,
    missing: null,
  };
  kernel.mark(`fault own file ${fault.to}`);
  writeOwn(fault.repo, texts[fault.to], fault.isSilent);
}

export function changeOwnRules({ kernel, scenario, writeRules }: World, { to }: Of<'own-rules'>) {
  const [first] = scenario.repos;
  kernel.mark(`fault own rules ${to}`);
  writeRules(0, rulesText(first?.rules ?? [], ownersLines(to === 'allow' ? to : undefined)));
}
