import type { Reply } from '../model/reply.ts';
import type { Calls } from './calls.ts';

/** The price list of all regions is kept in a few of them; China has its own, in yuan. */
function priceListRegion(region: string): string {
  if (region.startsWith('cn-')) return 'cn-northwest-1';
  if (region.startsWith('ap-')) return 'ap-south-1';
  return /^(?:eu|me|af|il)-/.test(region) ? 'eu-central-1' : 'us-east-1';
}

/** One product: Linux without further software, not reserved, on hardware shared with others. */
const FIELDS = {
  operatingSystem: 'Linux',
  tenancy: 'Shared',
  preInstalledSw: 'NA',
  capacitystatus: 'Used',
  marketoption: 'OnDemand',
} as const;

export async function onDemandPrice(
  calls: Calls,
  { type, region }: { readonly type: string; readonly region: string },
): Promise<Reply<number | null>> {
  const fields = { ...FIELDS, regionCode: region, instanceType: type };
  const Filters = Object.entries(fields).map(([Field, Value]) => ({
    Type: 'TERM_MATCH' as const,
    Field,
    Value,
  }));
  return calls.askOther(async (shared, options) => {
    const { GetProductsCommand, PricingClient } = await import('@aws-sdk/client-pricing');
    const client = new PricingClient({ ...shared, region: priceListRegion(region) });
    const command = new GetProductsCommand({ ServiceCode: 'AmazonEC2', Filters });
    const { PriceList = [] } = await client.send(command, options);
    // Declared as text or as what makes itself text; on the wire it is a list of texts.
    const sheets = Array.isArray(PriceList) ? PriceList : [];
    return sheets.map((sheet) => hourlyUsd(String(sheet))).find(isPrice) ?? null;
  });
}

interface Dimension {
  readonly unit?: string;
  readonly pricePerUnit?: { readonly USD?: string };
}

/** Of AWS's product sheets, as far as we read them. Terms and dimensions are keyed by opaque codes. */
interface Product {
  readonly terms?: {
    readonly OnDemand?: Readonly<
      Record<string, { readonly priceDimensions?: Readonly<Record<string, Dimension>> }>
    >;
  };
}

function hourlyUsd(sheet: string): number | undefined {
  const { terms } = JSON.parse(sheet) as Product;
  return Object.values(terms?.OnDemand ?? {})
    .flatMap(({ priceDimensions }) => Object.values(priceDimensions ?? {}))
    .filter(({ unit }) => unit === 'Hrs')
    .map(({ pricePerUnit }) => Number(pricePerUnit?.USD))
    .find(isPrice);
}

/** Free rows are of hours that were paid for in another way. */
const isPrice = (usd: number | undefined): usd is number => usd !== undefined && usd > 0;
