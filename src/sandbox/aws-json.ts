import type { Answer as HttpAnswer } from '../lib/http.ts';
import { IMAGES, imageId, onDemandUsd, typeRow, zonesWith } from './aws-catalogue.ts';
import type { Ec2Model } from './ec2-model.ts';

// The services that speak JSON, each call named in a header: SSM's public parameters, the price list,
// and Service Quotas.

export interface JsonCall {
  readonly model: Ec2Model;
  readonly region: string;
  readonly body: string;
}

type Fields = Readonly<Record<string, unknown>>;
type Ask = (call: Omit<JsonCall, 'body'>, fields: Fields) => HttpAnswer;

const CALLS: Readonly<Record<string, Ask>> = {
  'AmazonSSM.GetParameter': ({ region }, { Name }) => {
    const found = parameter(region, Name);
    return found ? json(200, { Parameter: found }) : failure('ParameterNotFound');
  },
  'AmazonSSM.GetParameters': ({ region }, { Names }) => {
    const names = Array.isArray(Names) ? Names : [];
    return json(200, {
      Parameters: names.flatMap((name) => parameter(region, name) ?? []),
      InvalidParameters: names.filter((name) => !parameter(region, name)),
    });
  },
  'AWSPriceListService.GetProducts': (_, { Filters }) => json(200, { PriceList: sheets(Filters) }),
  'ServiceQuotasV20190624.GetServiceQuota': quota,
  'ServiceQuotasV20190624.GetAWSDefaultServiceQuota': quota,
};

/** `target` is `<service>.<call>`, as the header has it. */
export function answerJson(call: JsonCall, target: string): HttpAnswer {
  const refused = call.model.enter(call.region, callOf(target));
  if (refused) {
    return failure(refused.status === 403 ? 'AccessDeniedException' : 'ThrottlingException');
  }
  const ask = Object.hasOwn(CALLS, target) ? CALLS[target] : undefined;
  return ask ? ask(call, JSON.parse(call.body) as Fields) : failure('UnknownOperationException');
}

export const callOf = (target: string): string => target.slice(target.indexOf('.') + 1);

function parameter(region: string, name: unknown) {
  const image = IMAGES.find((row) => row.parameter === name);
  return image && { Name: name, Type: 'String', Value: imageId(image, region), Version: 1 };
}

/** One sheet for the type and region that the filters name; it is text within the JSON, as AWS has it. */
function sheets(filters: unknown): readonly string[] {
  const list = Array.isArray(filters) ? (filters as readonly Record<string, unknown>[]) : [];
  const filterOf = (field: string) => String(list.find(({ Field }) => Field === field)?.['Value']);
  const region = filterOf('regionCode');
  const row = typeRow(filterOf('instanceType'));
  if (!row || zonesWith(row, region).length === 0) return [];
  const hourly = { unit: 'Hrs', pricePerUnit: { USD: onDemandUsd(row, region).toFixed(10) } };
  const term = { priceDimensions: { 'JRTCKXETXF.6YS6EN2CT7': hourly } };
  const attributes = { instanceType: row.type, regionCode: region };
  return [JSON.stringify({ product: { attributes }, terms: { OnDemand: { JRTCKXETXF: term } } })];
}

function quota({ model }: Omit<JsonCall, 'body'>, { QuotaCode }: Fields): HttpAnswer {
  const Value = model.vcpuQuota(String(QuotaCode));
  return Value === null
    ? failure('NoSuchResourceException')
    : json(200, { Quota: { ServiceCode: 'ec2', QuotaCode, Value, Adjustable: true } });
}

const failure = (__type: string): HttpAnswer => json(400, { __type, message: '' });

const json = (status: number, body: object): HttpAnswer => ({
  status,
  headers: { 'content-type': 'application/x-amz-json-1.1' },
  body: JSON.stringify(body),
});
