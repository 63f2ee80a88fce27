import { describe, expect, test } from '@jest/globals';
import type { LaunchFailure } from '../../src/model/aws-codes.ts';
import { answerBody, createEc2At, errorBody, useAws } from './aws.ts';
import { aLaunchRequest } from './requests.ts';

const aws = useAws();

describe('a refused launch', () => {
  const TABLE: readonly [code: string, status: number, LaunchFailure][] = [
    ['InsufficientInstanceCapacity', 500, 'capacity'],
    ['InsufficientHostCapacity', 500, 'capacity'],
    ['UnfulfillableCapacity', 400, 'capacity'],
    ['Unsupported', 400, 'capacity'],
    ['InsufficientFreeAddressesInSubnet', 400, 'capacity'],
    ['SpotMaxPriceTooLow', 400, 'price'],
    ['MaxSpotInstanceCountExceeded', 400, 'quota'],
    ['VcpuLimitExceeded', 400, 'quota'],
    ['InstanceLimitExceeded', 400, 'quota'],
    ['Client.VolumeLimitExceeded', 400, 'quota'],
    ['PendingVerification', 400, 'quota'],
    ['UnauthorizedOperation', 403, 'denied'],
    ['AccessDenied', 403, 'denied'],
    ['AuthFailure', 401, 'denied'],
    ['AuthFailure.ServiceLinkedRoleCreationNotPermitted', 400, 'denied'],
    ['InvalidClientTokenId', 403, 'denied'],
    ['ExpiredToken', 400, 'denied'],
    ['RequestExpired', 400, 'denied'],
    ['OptInRequired', 401, 'denied'],
    ['Blocked', 403, 'denied'],
    ['InvalidParameterValue', 400, 'invalid'],
    ['InvalidAMIID.NotFound', 400, 'invalid'],
    ['InvalidSubnetID.NotFound', 400, 'invalid'],
    ['InvalidGroup.NotFound', 400, 'invalid'],
    ['InvalidUserData.Malformed', 400, 'invalid'],
    ['RequestLimitExceeded', 503, 'throttled'],
    ['EC2ThrottledException', 400, 'throttled'],
    ['Throttling', 400, 'throttled'],
    ['InternalError', 500, 'unknown'],
    ['ServiceUnavailable', 503, 'unknown'],
    ['Unavailable', 503, 'unknown'],
    ['IdempotentParameterMismatch', 400, 'unknown'],
    // Codes that nobody listed go by their status.
    ['SomethingNew', 400, 'invalid'],
    ['SomethingForbidden', 403, 'denied'],
    ['SomethingTooOften', 429, 'throttled'],
    ['SomethingBroken', 502, 'unknown'],
    ['constructor', 400, 'invalid'],
  ];

  test.each(TABLE)('with %s and HTTP %i is %s, after one call', async (code, status, failure) => {
    aws.answer = () => [status, errorBody(code)];
    const answer = await aws.ec2.launch(aLaunchRequest());
    expect(answer).toMatchObject({ ok: false, failure, code: code.replace('Client.', '') });
    expect(aws.forms).toHaveLength(1);
  });

  test.each<[string, number, string]>([
    ['a page of HTML and HTTP 500', 500, '<html><body>oops</body></html>'],
    ['a page of HTML and HTTP 200', 200, '<html><body>oops'],
    ['an answer that names no instance', 200, answerBody('RunInstances', '<ownerId>1</ownerId>')],
    ['nothing and HTTP 503', 503, ''],
  ])('with %s is unknown, after one call', async (_, status, body) => {
    aws.answer = () => [status, body];
    expect(await aws.ec2.launch(aLaunchRequest())).toMatchObject({ failure: 'unknown' });
    expect(aws.forms).toHaveLength(1);
  });

  test('whose answer is lost is unknown, after one call', async () => {
    aws.answer = () => 'lost';
    const answer = await aws.ec2.launch(aLaunchRequest());
    expect(answer).toMatchObject({ ok: false, failure: 'unknown' });
    expect(aws.forms).toHaveLength(1);
  });

  test('without a connection is unknown', async () => {
    const answer = await createEc2At('http://127.0.0.1:1').launch(aLaunchRequest());
    expect(answer).toMatchObject({ ok: false, failure: 'unknown' });
  });

  test("quotes AWS's words where they name what is wrong, and keeps them short", async () => {
    aws.answer = () => [400, errorBody('InvalidParameterValue', `the size, ${'x'.repeat(5000)}`)];
    const answer = await aws.ec2.launch(aLaunchRequest());
    const message = answer.ok ? '' : answer.message;
    expect(message).toMatch(/^EC2 refuses a value of the rule \(the size, x+\)$/);
    expect(message.length).toBeLessThan(300);
  });
});

test("keeps the account's number to itself", async () => {
  const words = 'User: arn:aws:iam::123456789012:user/ci may not do ec2:RunInstances';
  aws.answer = () => [403, errorBody('UnauthorizedOperation', words)];
  expect(await aws.ec2.launch(aLaunchRequest())).toMatchObject({
    message: expect.stringContaining('arn:aws:iam::…:user/ci'),
  });
});

describe('another refused call', () => {
  test.each<[string, number, string]>([
    ['UnauthorizedOperation', 403, 'denied'],
    ['ExpiredToken', 400, 'denied'],
    ['InvalidSubnetID.NotFound', 400, 'missing'],
    ['InvalidParameterValue', 400, 'invalid'],
  ])('with %s and HTTP %i is %s', async (code, status, reason) => {
    aws.answer = () => [status, errorBody(code)];
    expect(await aws.ec2.subnets([])).toMatchObject({ ok: false, reason, code });
  });

  test.each<[string, number, string]>([
    ['RequestLimitExceeded', 503, 'throttled'],
    ['InternalError', 500, 'unreachable'],
  ])('with %s and HTTP %i is tried three times, then %s', async (code, status, reason) => {
    aws.answer = () => [status, errorBody(code)];
    expect(await aws.ec2.subnets([])).toMatchObject({ ok: false, reason, code });
    expect(aws.forms).toHaveLength(3);
  });
});
