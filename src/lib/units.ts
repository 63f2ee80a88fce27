const MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** `90s`, `10m`, `6h`, `1d`; also the pattern of a JSON Schema. */
export const DURATION = '^(?:[1-9][0-9]{0,3}[smh]|[1-9][0-9]?d)$';
/** `100GB`; the bound is far above any runner's disk and below EBS's own. */
export const SIZE = '^[1-9][0-9]{0,3}GB$';
/** `eu-west-1`, `us-gov-east-1`, `eusc-de-east-1`; not a zone. */
export const AWS_REGION = '^[a-z]{2,5}(?:-[a-z]{1,12}){1,3}-[0-9]{1,2}$';
/** `m5.xlarge`, `u-6tb1.metal`, `c7i.metal-24xl`. Whether AWS has it is checked against AWS. */
export const INSTANCE_TYPE =
  '^[a-z][a-z0-9]{0,11}(?:-[a-z0-9]{1,12})?\\.' +
  '(?:nano|micro|small|medium|large|[0-9]{0,3}xlarge|metal(?:-[0-9]{1,3}xl)?)$';

export function durationMs(text: string): number | undefined {
  if (!new RegExp(DURATION).test(text)) return undefined;
  return Number(text.slice(0, -1)) * (MS[text.slice(-1)] ?? Number.NaN);
}

export function sizeGb(text: string): number | undefined {
  return new RegExp(SIZE).test(text) ? Number(text.slice(0, -2)) : undefined;
}
