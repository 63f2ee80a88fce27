import { done, type Reply } from '../model/reply.ts';
import type { Calls } from './calls.ts';

/** The code of Service Quotas for what it does not know. */
const UNKNOWN = 'NoSuchResourceException';

/** What was granted to the account; an account that was granted nothing of its own has the default. */
export async function vcpuQuota(calls: Calls, QuotaCode: string): Promise<Reply<number | null>> {
  const asked = { ServiceCode: 'ec2', QuotaCode };
  const granted = await calls.askOther(async (shared, options) => {
    const { GetServiceQuotaCommand, ServiceQuotasClient } = await import(
      '@aws-sdk/client-service-quotas'
    );
    return new ServiceQuotasClient(shared).send(new GetServiceQuotaCommand(asked), options);
  });
  if (!granted.ok && granted.code !== UNKNOWN) return granted;
  const own = granted.ok ? granted.value.Quota?.Value : undefined;
  return own === undefined ? defaultQuota(calls, asked) : done(own);
}

async function defaultQuota(
  calls: Calls,
  asked: { readonly ServiceCode: string; readonly QuotaCode: string },
): Promise<Reply<number | null>> {
  const given = await calls.askOther(async (shared, options) => {
    const { GetAWSDefaultServiceQuotaCommand, ServiceQuotasClient } = await import(
      '@aws-sdk/client-service-quotas'
    );
    const command = new GetAWSDefaultServiceQuotaCommand(asked);
    return new ServiceQuotasClient(shared).send(command, options);
  });
  if (given.ok) return done(given.value.Quota?.Value ?? null);
  return given.code === UNKNOWN ? done(null) : given;
}
