import { expect, test } from '@jest/globals';
import { createEc2At, useAws } from './aws.ts';

const aws = useAws();

/** A product's sheet as AWS sends it, with these dollars an hour under each term. */
const sheet = (...terms: readonly (readonly [unit: string, usd: string])[]): string =>
  JSON.stringify({
    product: { productFamily: 'Compute Instance', attributes: { instanceType: 'm5.large' } },
    terms: {
      OnDemand: Object.fromEntries(
        terms.map(([unit, USD], nth) => [
          `T${nth}`,
          { priceDimensions: { [`T${nth}.D`]: { unit, pricePerUnit: { USD } } } },
        ]),
      ),
    },
  });
const products = (...PriceList: readonly string[]) =>
  [200, JSON.stringify({ FormatVersion: 'aws_v1', PriceList })] as const;

test.each([
  ['is the hourly one', [sheet(['Quantity', '12.5'], ['Hrs', '0.0960000000'])], 0.096],
  ['is none of the free rows', [sheet(['Hrs', '0.0000000000']), sheet(['Hrs', '0.1'])], 0.1],
  ['is null where there is no row', [], null],
  ['is null where no row is in dollars', [sheet()], null],
])('the price on demand %s', async (_, sheets, usd) => {
  aws.answerJson = () => products(...sheets);
  expect(await aws.ec2.onDemandPrice('m5.large')).toEqual({ ok: true, value: usd });
});

test.each([
  ['us-west-2', 'us-east-1'],
  ['eu-west-1', 'eu-central-1'],
  ['ap-southeast-2', 'ap-south-1'],
  ['cn-north-1', 'cn-northwest-1'],
  ['sa-east-1', 'us-east-1'],
])('the price list of %s is asked for in %s', async (region, where) => {
  const asked: { region: string; filters: unknown }[] = [];
  aws.answerJson = ({ body, region: signed }) => {
    asked.push({ region: signed, filters: JSON.parse(body).Filters });
    return products(sheet(['Hrs', '0.096']));
  };
  await createEc2At(aws.url, region).onDemandPrice('m5.large');
  const has = (Field: string, Value: string) => ({ Type: 'TERM_MATCH', Field, Value });
  const filters = expect.arrayContaining([
    has('regionCode', region),
    has('instanceType', 'm5.large'),
    has('operatingSystem', 'Linux'),
    has('tenancy', 'Shared'),
  ]);
  expect(asked).toEqual([{ region: where, filters }]);
});

test('a sheet that cannot be read is no price', async () => {
  aws.answerJson = () => products('{');
  expect(await aws.ec2.onDemandPrice('m5.large')).toMatchObject({
    ok: false,
    reason: 'unreachable',
  });
});
