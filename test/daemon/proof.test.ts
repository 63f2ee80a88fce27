import { describe, expect, test } from '@jest/globals';
import { signProof } from '../../src/daemon/proof.ts';
import { expectedAuthorization } from './sigv4.ts';

const credentials = {
  accessKeyId: 'ASIAEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  token: 'IQoJb3JpZ2luX2VjE+/=='.repeat(20),
};
const now = Date.UTC(2026, 0, 2, 3, 4, 5);

describe('the proof', () => {
  test.each([
    ['eu-west-1', 'amazonaws.com', 'ci.example.com'],
    ['cn-north-1', 'amazonaws.com.cn', 'ci.example.com:8443'],
    ['us-gov-east-1', 'amazonaws.com', '127.0.0.1:3000'],
  ])('is signed over the request of the contract in %s', async (region, domain, audience) => {
    const machine = { instance: 'i-0123456789abcdef0', region, domain };
    const proof = await signProof({ credentials, machine, audience, now });
    expect(proof).toEqual({
      authorization: expectedAuthorization(proof, { ...credentials, region, domain }),
      date: '20260102T030405Z',
      securityToken: credentials.token,
      audience,
    });
  });

  test('is another one for another audience', async () => {
    const machine = { instance: 'i-1', region: 'eu-west-1', domain: 'amazonaws.com' };
    const [one, other] = await Promise.all(
      ['a.example', 'b.example'].map((audience) =>
        signProof({ credentials, machine, audience, now }),
      ),
    );
    expect(one?.authorization).not.toBe(other?.authorization);
  });
});
