import type { LaunchId } from '../../src/model/ids.ts';
import { ruleId } from '../../src/model/rules.ts';
import type { Ec2Model } from '../../src/sandbox/ec2-model.ts';
import type { Repo } from '../../src/sandbox/github-state.ts';
import type { Kernel } from '../../src/sandbox/kernel.ts';
import type { Scenario } from './scenario.ts';

/** Machines are of the market that their rule names, at a price that it pays: no change is about those. */
export function createTerms(
  kernel: Kernel,
  { ec2, scenario, repos }: { ec2: Ec2Model; scenario: Scenario; repos: () => readonly Repo[] },
): (launch: LaunchId) => void {
  // Whoever takes a rule away and allows its type again says nothing of its market and price.
  const isSaidAnew = (index: number) =>
    scenario.faults.some(
      (fault) => (fault.kind === 'command' || fault.kind === 'at-once') && fault.repo === index,
    );
  return (launch) => {
    for (const { id, market, priceUsd, tags } of ec2.instances.values()) {
      if (tags['dstack:launch'] !== launch) continue;
      const index = repos().findIndex((repo) => String(repo.id) === tags['dstack:repo']);
      const rule = scenario.repos[index]?.rules.find(
        ({ type, region }) => ruleId(type, region) === tags['dstack:rule'],
      );
      if (!rule || isSaidAnew(index)) continue;
      const { spotPolicy, maxPriceUsd } = rule;
      const text = `${id} is ${market}, at $${priceUsd}, and ${tags['dstack:rule']} says`;
      const isMeant = spotPolicy === 'auto' || spotPolicy === market;
      kernel.invariant(isMeant, 'market', `${text} ${spotPolicy}`);
      const isPaid = maxPriceUsd === undefined || priceUsd <= maxPriceUsd;
      kernel.invariant(isPaid, 'price', `${text} $${maxPriceUsd} at most`);
    }
  };
}
