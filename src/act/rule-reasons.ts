import type { Reason } from '../model/job.ts';
import type { Arch } from '../model/launch.ts';
import type { Refused } from '../model/reply.ts';
import type { Rule } from '../model/rules.ts';

// Why nothing can come of a rule, in words: the same where a command is refused, and where jobs wait
// for a rule that was written by hand.

export const noType = ({ type, region }: Rule): Reason => ({
  code: 'no-type',
  text: `${type} is no instance type of ${region}; nothing will change until the rule does.`,
});

export const noSpot = ({ type, region }: Rule): Reason => ({
  code: 'no-spot',
  text: `${type} has no spot market in ${region}; allow it with \`--spot-policy on-demand\`.`,
});

/** Subnets that the rule names, or those of the default VPC. */
export const noSubnets = ({ type, region, subnets }: Rule): Reason => ({
  code: 'network',
  text:
    subnets.length === 0
      ? `${region} has no default VPC; name subnets under \`subnets\` in the rule for ${type}.`
      : `The account has no such subnet in ${region}; see \`subnets\` in the rule for ${type}.`,
});

export const noZone = ({ type, region }: Rule): Reason => ({
  code: 'network',
  text: `None of the subnets is in a zone of ${region} that offers ${type}; see \`subnets\`.`,
});

export const noImage = ({ image, region }: Rule, { code }: Refused): Reason => ({
  code: 'image',
  text: `Image ${shown(image)} is not in ${region} (${code}); see \`image\` in the rules file.`,
});

export const otherArch = ({ type, image }: Rule, arch: { image: Arch; type: Arch }): Reason => ({
  code: 'image',
  text: `Image ${shown(image)} is for ${arch.image}, and ${type} is ${arch.type}; see \`image\` in the rules file.`,
});

/** The key of the rules file that a machine of unknown price could break. */
export type Cap = 'max-price' | 'budget';

export const capOf = (of: {
  readonly maxPriceUsd: number | null;
  readonly hasBudget: boolean;
}): Cap | null => (of.maxPriceUsd !== null ? 'max-price' : of.hasBudget ? 'budget' : null);

export const noPrice = ({ type, region }: Rule, cap: Cap): Reason => ({
  code: 'price-cap',
  text: `AWS names no on-demand price of ${type} in ${region}, so nothing starts under a ${cap}.`,
});

export function priceRefused(rule: Rule, cap: Cap, refused: Refused): Reason {
  if (refused.reason !== 'denied') return awsReason(rule, refused);
  const { type, region } = rule;
  return {
    code: 'iam',
    text: `AWS refuses the on-demand price of ${type} in ${region} (${refused.code}), so nothing starts under a ${cap}; grant pricing:GetProducts.`,
  };
}

/** The owner's file may go without a price where a repository's own may not. */
export const noPriceForOwn = (
  { type, region }: Pick<Rule, 'type' | 'region'>,
  cap: Cap,
): Reason => ({
  code: 'price-cap',
  text: `AWS tells no on-demand price of ${type} in ${region}, so nothing starts under the ${cap} of this repository's own file; it takes pricing:GetProducts.`,
});

/** A parameter's path may be longer than the sentence; its end tells it from others. */
const shown = (image: string): string =>
  image.length <= IMAGE_MAX ? image : `…${image.slice(1 - IMAGE_MAX)}`;
const IMAGE_MAX = 40;

/** AWS knows that it is not there; any other refusal is not about the thing asked for. */
export const isAbsent = ({ reason }: Refused): boolean =>
  reason === 'missing' || reason === 'invalid';

/** Credentials and permissions are a person's to mend; all else passes. */
export function awsReason({ type, region }: Rule, { reason, code }: Refused): Reason {
  return reason === 'denied'
    ? { code: 'iam', text: `AWS refuses to answer about ${type} in ${region}: ${code}.` }
    : { code: 'aws-slow', text: `AWS does not answer about ${type} in ${region}: ${code}.` };
}
