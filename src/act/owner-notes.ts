import { type RulesChange, ruleId } from '../model/rules.ts';
import type { Changed } from './change-rules.ts';
import type { InForce } from './in-force.ts';

// What a command in a repository has to do with the rules of its owner, told to who gave it.

type Done = Extract<Changed, { ok: true }>;

/** Why the owner's rules do not let a repository have that. */
export function beyondOwners(
  { owner, own, rows }: InForce,
  asked: RulesChange,
): string | undefined {
  if (!owner || asked.kind !== 'allow') return undefined;
  const { type, region, max, maxPriceUsd, spotPolicy } = asked;
  const name = `${rows.home?.owner}/${rows.home?.name}`;
  if (max === 0 && own === null) {
    return `The rules are the owner's, of ${name}, and this repository has no file of its own to take ${type} out of. Say what it may have with allow, or clear them all here.`;
  }
  if (owner.ownRules === 'allow' || max === 0) return undefined;
  const its = owner.rules.find(({ id }) => id === ruleId(type, region));
  if (!its) return `The owner's rules, of ${name}, allow no ${type} in ${region}.`;
  if (max > its.max) {
    return `The owner's rules, of ${name}, allow at most ${its.max} ${type} in ${region}.`;
  }
  if (maxPriceUsd !== undefined && its.maxPriceUsd !== null && maxPriceUsd > its.maxPriceUsd) {
    return `The owner's rules, of ${name}, allow at most $${its.maxPriceUsd} an hour for ${type} in ${region}.`;
  }
  if (spotPolicy !== undefined && spotPolicy !== its.spotPolicy) {
    return `The owner's rules, of ${name}, say ${its.spotPolicy} for ${type} in ${region}.`;
  }
  return undefined;
}

/** A file that a command makes where the owner's rules were in force hides them from now on. */
export function hidingNotes({ owner, rows }: InForce, { isNew, file }: Done): readonly string[] {
  if (!owner) return [];
  const name = `${rows.home?.owner}/${rows.home?.name}`;
  const isOff = file.enabled && !owner.enabled;
  return [
    ...(isNew
      ? [
          `This repository has a file of its own now, which hides the owner's rules, of ${name}: only what it names may be used here. Delete the file to have the owner's again.`,
        ]
      : []),
    ...(isOff ? [`The owner's rules, of ${name}, are disabled; that applies here too.`] : []),
  ];
}
