import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { signProof } from '../../src/daemon/proof.ts';
import type { Proof, Sts } from '../../src/ec2/port.ts';
import { createSts } from '../../src/ec2/sts.ts';
import { silentLog } from '../../src/lib/log.ts';
import { expectedAuthorization } from '../daemon/sigv4.ts';

// STS as a local server that keeps what reaches it, byte for byte.

const AUDIENCE = 'dstack.example:8443';
const REGION = 'eu-west-1';
const ARN = 'arn:aws:sts::123456789012:assumed-role/aws:ec2-instance/i-0123456789abcdef0';
const BODY = 'Action=GetCallerIdentity&Version=2011-06-15';
const KEYS = { accessKeyId: 'ASIAIOSFODNN7EXAMPLE', secretAccessKey: 'secret' };

const seen: { readonly request: IncomingMessage; readonly body: string }[] = [];
let answer: readonly [status: number, body: string] | 'lost' = 'lost';
let endpoint = '';
let sts: Sts;

const server = createServer(async (request, response) => {
  seen.push({ request, body: await text(request) });
  if (answer === 'lost') response.destroy();
  else response.writeHead(answer[0], { 'content-type': 'text/xml' }).end(answer[1]);
});

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  sts = createSts({ audience: AUDIENCE, endpoint, log: silentLog });
});
beforeEach(() => {
  seen.length = 0;
  answer = [200, identity(ARN)];
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const identity = (
  arn: string,
): string => `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <GetCallerIdentityResult>
    <Arn>${arn}</Arn>
    <UserId>123456789012:aws:ec2-instance:i-0123456789abcdef0</UserId>
    <Account>123456789012</Account>
  </GetCallerIdentityResult>
  <ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata>
</GetCallerIdentityResponse>`;

const failure = (code: string): string =>
  `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code></Error></ErrorResponse>`;

function aProof({ region = REGION, domain = 'amazonaws.com' } = {}): Promise<Proof> {
  return signProof({
    credentials: { ...KEYS, token: 'IQoJb3JpZ2luX2VjEHQ/+a==' },
    machine: { instance: 'i-0123456789abcdef0', region, domain },
    audience: AUDIENCE,
    now: Date.parse('2026-11-01T12:00:00Z'),
  });
}

describe('the request', () => {
  test.each([
    ['eu-west-1', 'amazonaws.com'],
    ['us-gov-west-1', 'amazonaws.com'],
    ['cn-north-1', 'amazonaws.com.cn'],
    ['eusc-de-east-1', 'amazonaws.eu'],
  ])('is the one that the machine in %s signed', async (region, domain) => {
    const proof = await aProof({ region, domain });
    expect(await sts.callerOf(proof, region)).toEqual({ ok: true, value: { arn: ARN } });

    const [{ request, body } = { request: undefined, body: '' }, ...others] = seen;
    expect(others).toEqual([]);
    const headers = request?.headers ?? {};
    expect([request?.method, request?.url, body]).toEqual(['POST', '/', BODY]);
    // The whole of it: nothing else that a machine sends can reach STS.
    expect(headers).toEqual({
      host: `sts.${region}.${domain}`,
      'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
      'content-length': String(BODY.length),
      'x-amz-date': proof.date,
      'x-amz-security-token': proof.securityToken,
      'x-dstack-audience': AUDIENCE,
      authorization: proof.authorization,
      connection: 'keep-alive',
    });
    const signed = expectedAuthorization(proof, { ...KEYS, region, domain });
    expect(headers.authorization).toBe(signed);
  });

  const flaws: readonly [string, (proof: Proof) => Partial<Proof>][] = [
    ['another service', ({ authorization: a }) => ({ authorization: a.replace('/sts/', '/s3/') })],
    [
      'another region',
      ({ authorization: a }) => ({ authorization: a.replace(REGION, 'eu-west-2') }),
    ],
    ['another day', ({ date }) => ({ date: date.replace('20261101', '20261102') })],
    [
      'one header less',
      ({ authorization: a }) => ({ authorization: a.replace('content-type;', '') }),
    ],
    [
      'one header more',
      ({ authorization: a }) => ({ authorization: a.replace(';host', ';expect;host') }),
    ],
    ['another scheme', () => ({ authorization: 'Bearer abc' })],
    ['more behind it', ({ authorization: a }) => ({ authorization: `${a}\r\nx-evil: 1` })],
    ['a date with a line break', ({ date }) => ({ date: `${date}\n` })],
    [
      'a token with a line break',
      ({ securityToken: t }) => ({ securityToken: `${t}\r\nhost: evil` }),
    ],
    ['a token of megabytes', () => ({ securityToken: 'a'.repeat(1_000_000) })],
    ['no token', () => ({ securityToken: '' })],
    ['another audience', () => ({ audience: 'other.example' })],
  ];
  test.each(flaws)('is not sent for a proof with %s', async (_, flaw) => {
    const proof = await aProof();
    const reply = await sts.callerOf({ ...proof, ...flaw(proof) }, REGION);
    expect(reply).toMatchObject({ ok: false, reason: 'denied', code: 'BadProof' });
    expect(seen).toEqual([]);
  });

  test.each(['us-iso-east-1', 'evil.example', 'eu-west-1.evil.example/', ''])(
    'goes to no host for the region %p',
    async (region) => {
      const { authorization, ...rest } = await aProof();
      const proof = { ...rest, authorization: authorization.replace(REGION, region) };
      expect(await sts.callerOf(proof, region)).toMatchObject({ ok: false });
      expect(seen).toEqual([]);
    },
  );
});

describe('the answer', () => {
  test.each<[string, number, string, string, string]>([
    [
      'a signature that is wrong',
      403,
      failure('SignatureDoesNotMatch'),
      'denied',
      'SignatureDoesNotMatch',
    ],
    ['credentials that ended', 403, failure('ExpiredToken'), 'denied', 'ExpiredToken'],
    [
      'a request not understood',
      400,
      failure('IncompleteSignature'),
      'denied',
      'IncompleteSignature',
    ],
    ['too many calls', 400, failure('Throttling'), 'throttled', 'Throttling'],
    ['a fault', 500, failure('InternalFailure'), 'unreachable', 'InternalFailure'],
    ['a gateway', 502, '<html>', 'unreachable', '502'],
    ['a redirect', 302, '', 'denied', '302'],
    ['JSON', 200, `{"Arn":"${ARN}"}`, 'denied', 'BadAnswer'],
    [
      'another call',
      200,
      identity(ARN).replaceAll('CallerIdentity', 'SessionToken'),
      'denied',
      'BadAnswer',
    ],
    [
      'an ARN elsewhere',
      200,
      `<X><Arn>${ARN}</Arn></X>${identity('nobody')}`,
      'denied',
      'BadAnswer',
    ],
    ['no ARN', 200, identity('i-0123456789abcdef0'), 'denied', 'BadAnswer'],
    ['too much', 200, identity(ARN) + ' '.repeat(20_000), 'unreachable', 'NoAnswer'],
  ])('of %s vouches for nobody', async (_, status, body, reason, code) => {
    answer = [status, body];
    const reply = await sts.callerOf(await aProof(), REGION);
    expect(reply).toMatchObject({ ok: false, reason, code });
  });

  test('may have its elements in another order', async () => {
    const arn = `<Arn>${ARN}</Arn>`;
    answer = [200, identity(ARN).replace(arn, '').replace('</Account>', `</Account>${arn}`)];
    expect(await sts.callerOf(await aProof(), REGION)).toEqual({ ok: true, value: { arn: ARN } });
  });

  test('that does not come is no verdict', async () => {
    answer = 'lost';
    const lost = await sts.callerOf(await aProof(), REGION);
    expect(lost).toMatchObject({ ok: false, reason: 'unreachable' });
    const closed = createSts({
      audience: AUDIENCE,
      endpoint: 'http://127.0.0.1:1',
      log: silentLog,
    });
    const reply = await closed.callerOf(await aProof(), REGION);
    expect(reply).toMatchObject({ ok: false, reason: 'unreachable', code: 'ECONNREFUSED' });
  });
});
