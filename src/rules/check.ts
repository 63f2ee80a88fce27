import type { AutoscaleMapping, RuleMapping } from './keys.ts';
import type { Source } from './source.ts';

/** Instance families with a graphics card: they need an image with its driver. */
const GPU_FAMILY = /^[gp][0-9]/;

interface Context {
  readonly source: Source;
  readonly of: 'repository' | 'owner' | 'person' | undefined;
}

/** What each value allows by itself and the file as a whole does not: errors, then warnings. */
export function checkSense(autoscale: AutoscaleMapping, { source, of }: Context): void {
  const { values, start } = autoscale;
  for (const key of ['runner-group', 'own-rules'] as const) {
    const at = autoscale.at(key);
    if (at !== undefined && of === 'repository') {
      const message = `"${key}" is read in the owner's .github repository only`;
      source.report('conflict', at, message);
    }
  }
  const group = autoscale.at('runner-group');
  if (group !== undefined && of === 'person') {
    const message =
      'runner-group needs an organization: GitHub has none for the account of a person';
    source.report('conflict', group, message);
  }
  if (values['runner-group'] !== null && values.reuse === 'workflow') {
    const message = 'reuse: workflow is not possible with runner-group; write job';
    source.report('conflict', autoscale.at('reuse') ?? start, message);
  }
  if (values.forks === 'allow') {
    const message = 'anyone who can open a pull request on a public repository can use machines';
    source.warn('risk', autoscale.at('forks') ?? start, message);
  }
  const after = autoscale.at('exhausted-after');
  if (after !== undefined && values['on-exhausted'] !== 'cancel') {
    source.warn('no-effect', after, 'exhausted-after has no effect without on-exhausted: cancel');
  }
  for (const rule of values.rules) warnOfRule(rule, { source, image: values.image });
}

function warnOfRule(rule: RuleMapping, { source, image }: { source: Source; image: string }): void {
  const type = rule.values['instance-type'];
  if (rule.values.max === 0) {
    source.warn('no-effect', rule.at('max') ?? rule.start, `max: 0 allows no ${type} at all`);
  }
  const its = rule.values.image ?? image;
  if (GPU_FAMILY.test(type) && (its === 'ubuntu-24.04' || its === 'al2023')) {
    const message = `${type} has a graphics card and ${its} no driver; ubuntu-24.04-gpu has one`;
    source.warn('risk', rule.at('instance-type') ?? rule.start, message);
  }
}
