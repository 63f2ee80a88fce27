import { expect, test } from '@jest/globals';
import { useAws } from './aws.ts';

const aws = useAws();
const CODE = 'L-34B43A08';

type Answer = readonly [status: number, body: string];
const quota = (Value?: number): Answer => [200, JSON.stringify({ Quota: { Value } })];
const refused = (__type: string): Answer => [400, JSON.stringify({ __type, message: '' })];

/** The answers to what was granted and to the default. */
function answer(granted: Answer, other: Answer): string[] {
  const asked: string[] = [];
  aws.answerJson = ({ target, body }) => {
    expect(JSON.parse(body)).toEqual({ ServiceCode: 'ec2', QuotaCode: CODE });
    asked.push(target.replace('ServiceQuotasV20190624.', ''));
    return target.endsWith('.GetServiceQuota') ? granted : other;
  };
  return asked;
}

test('a quota is what was granted to the account', async () => {
  const asked = answer(quota(64), quota(5));
  expect(await aws.ec2.vcpuQuota(CODE)).toEqual({ ok: true, value: 64 });
  expect(asked).toEqual(['GetServiceQuota']);
});

test.each([
  ['none was granted', refused('NoSuchResourceException')],
  ['the grant says no number', quota()],
])('a quota is the default where %s', async (_, granted) => {
  const asked = answer(granted, quota(5));
  expect(await aws.ec2.vcpuQuota(CODE)).toEqual({ ok: true, value: 5 });
  expect(asked).toEqual(['GetServiceQuota', 'GetAWSDefaultServiceQuota']);
});

test('a quota that AWS does not have is null', async () => {
  answer(refused('NoSuchResourceException'), refused('NoSuchResourceException'));
  expect(await aws.ec2.vcpuQuota(CODE)).toEqual({ ok: true, value: null });
});

test('without the right to ask, a quota is refused and no default', async () => {
  answer(refused('AccessDeniedException'), quota(5));
  expect(await aws.ec2.vcpuQuota(CODE)).toMatchObject({
    ok: false,
    reason: 'denied',
    code: 'AccessDeniedException',
  });
});
