import type { LaunchId } from '../../src/model/ids.ts';
import { isHome } from '../../src/model/repo.ts';
import type { Rule } from '../../src/model/rules.ts';
import { parseRules } from '../../src/rules/parse.ts';
import type { Ec2Model } from '../../src/sandbox/ec2-model.ts';
import type { GitHubModel } from '../../src/sandbox/github.ts';
import type { Repo } from '../../src/sandbox/github-state.ts';
import type { Kernel } from '../../src/sandbox/kernel.ts';
import { RULES_PATH } from './population.ts';

/**
 * Machines are of a market that their rule names, at a price that it pays, in some version of a file
 * that may govern them. How long a version may be gone by is for others to judge.
 */
export function createTerms(
  kernel: Kernel,
  { ec2, github }: { ec2: Ec2Model; github: GitHubModel },
): (launch: LaunchId) => void {
  const parsed = new Map<string, readonly Rule[]>();
  const rulesIn = (text: string): readonly Rule[] => {
    const known = parsed.get(text);
    if (known) return known;
    const file = parseRules(text);
    const rules = file.ok ? file.rules.rules : [];
    parsed.set(text, rules);
    return rules;
  };
  const versionsOf = ({ commits }: Repo): readonly string[] =>
    [...commits.values()].flatMap(({ files }) => files.get(RULES_PATH) ?? []);

  return (launch) => {
    const all = [...github.state.repos.values()];
    for (const { id, market, priceUsd, tags } of ec2.instances.values()) {
      if (tags['dstack:launch'] !== launch) continue;
      const governing = all.filter(
        (repo) => isHome(repo) || String(repo.id) === tags['dstack:repo'],
      );
      const rules = new Set(governing.flatMap(versionsOf).flatMap(rulesIn));
      const its = [...rules].filter((rule) => rule.id === tags['dstack:rule']);
      const isMeant = ({ spotPolicy }: Rule) => spotPolicy === 'auto' || spotPolicy === market;
      const isPaid = ({ maxPriceUsd }: Rule) => priceUsd <= (maxPriceUsd ?? Number.MAX_VALUE);
      const text = `${id} of ${tags['dstack:rule']} is ${market}, at $${priceUsd}`;
      kernel.invariant(its.some(isMeant), 'market', text);
      kernel.invariant(
        its.some((rule) => isMeant(rule) && isPaid(rule)),
        'price',
        text,
      );
    }
  };
}
