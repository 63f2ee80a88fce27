import type { Instant } from '../lib/clock.ts';
import type { Bill } from '../model/cost.ts';
import type { RepoId, RuleId } from '../model/ids.ts';
import type { Reason } from '../model/job.ts';
import type { Offer } from '../model/launch.ts';
import type { Rule } from '../model/rules.ts';
import type { Closed, RepoView } from '../model/world.ts';
import type { OwnRules } from '../rules/narrow.ts';
import { budgetReason, ofRepo } from './budget.ts';
import type { Governed } from './govern.ts';
import { capOf, noPriceForOwn } from './rule-reasons.ts';

interface Made {
  readonly own: Governed['own'];
  /** The owner's, as they are in force. */
  readonly rules: readonly Rule[];
  readonly maxDurationMs: number;
  /** This month's, of all repositories. */
  readonly bills: readonly Bill[];
  readonly now: Instant;
}

type Narrowed = Pick<RepoView, 'own' | 'closed'>;

/** What the plan needs to know of repositories' own files. */
export function ownViews(made: Made): (repo: RepoId) => Narrowed {
  const views = new Map<RepoId, Narrowed>();
  for (const [repo, { rules, reason }] of made.own) {
    const view = rules
      ? narrowed({ ...made, repo, its: rules })
      : waiting(made, reason ?? NOT_READ);
    views.set(repo, view);
  }
  return (repo) => views.get(repo) ?? {};
}

const NOT_READ: Reason = {
  code: 'rules-unread',
  text: "The repository's own rules file was not read yet; it is asked for at every tick.",
};

const closedBy = (ids: readonly RuleId[], reason: Reason): Closed =>
  Object.fromEntries(ids.map((id) => [id, reason]));

/** Nothing starts before its file is known, and nothing ends. */
const waiting = ({ rules, maxDurationMs }: Made, reason: Reason): Narrowed => ({
  own: {
    enabled: true,
    maxima: Object.fromEntries(rules.map(({ id, max }) => [id, max])),
    maxDurationMs,
  },
  closed: closedBy(
    rules.map(({ id }) => id),
    reason,
  ),
});

function narrowed(made: Made & { readonly repo: RepoId; readonly its: OwnRules }): Narrowed {
  const { repo, its, bills, now } = made;
  const ids = [...its.rules.keys()];
  const spent = budgetReason(its, ofRepo(bills, repo), now);
  return {
    own: {
      enabled: its.enabled,
      maxima: Object.fromEntries([...its.rules].map(([id, { max }]) => [id, max])),
      maxDurationMs: its.maxDurationMs,
    },
    ...(spent && { closed: closedBy(ids, spent) }),
  };
}

/** The offers, each with those repositories whose own file has no use for it. */
export const withUnfit = (offers: readonly Offer[], own: Governed['own']): readonly Offer[] =>
  offers.map((offer) => {
    const unfit = [...own].flatMap(([repo, { rules }]) => {
      const why = rules && unfitFor(rules, offer);
      return why ? [[repo, why] as const] : [];
    });
    return unfit.length === 0 ? offer : { ...offer, unfit: Object.fromEntries(unfit) };
  });

/** Why a repository's own file has no use for an offer that its owner's allows. */
export function unfitFor(
  its: Pick<OwnRules, 'rules' | 'budgetUsd'>,
  offer: Offer,
): Reason | undefined {
  const { priceUsd } = offer;
  const maxPriceUsd = its.rules.get(offer.rule)?.maxPriceUsd ?? null;
  if (priceUsd !== null) {
    return maxPriceUsd !== null && priceUsd > maxPriceUsd ? TOO_DEAR : undefined;
  }
  const cap = capOf({ maxPriceUsd, hasBudget: its.budgetUsd !== null });
  return cap === null ? undefined : noPriceForOwn(offer, cap);
}

const TOO_DEAR: Reason = {
  code: 'price-cap',
  text: "The price is above max-price of this repository's own file; starts when it falls",
};
