import type { ScopeId } from '../model/ids.ts';
import type { Identities } from './identity.ts';
import type { Check } from './port.ts';
import { sessionName } from './sessions.ts';

export interface RoleAsk {
  readonly scope: ScopeId;
  readonly roleArn: string;
  readonly externalId: string;
  /** Who assumes it, for the trust policy. */
  readonly principal: string | null;
}

/**
 * Whether the role can be assumed with our external id, and with no other. A role that takes anyone's
 * id could be named by another tenant, and we would launch in an account that is not theirs.
 */
export async function checkRole(identities: Identities, ask: RoleAsk): Promise<Check> {
  const { roleArn, externalId } = ask;
  const name = 'external id';
  const tryWith = (id: string | null) =>
    identities.assume({ roleArn, externalId: id, sessionName: sessionName(ask.scope) });
  const session = await tryWith(externalId);
  if (!session.ok) {
    const text = `the role cannot be assumed (${session.code})`;
    return { name, ok: false, text, fix: `give the role this trust policy: ${trustPolicy(ask)}` };
  }
  for (const wrong of [null, `not-${externalId}`]) {
    const taken = await tryWith(wrong);
    if (!taken.ok && taken.reason === 'denied') continue;
    const text = taken.ok
      ? 'the role can be assumed without the external id, so by others through this app'
      : `whether the role demands the external id is not known (${taken.code})`;
    return { name, ok: false, text, fix: `give the role this trust policy: ${trustPolicy(ask)}` };
  }
  return { name, ok: true, text: 'the role demands the external id' };
}

const trustPolicy = ({ externalId, principal }: RoleAsk): string =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { AWS: principal ?? 'ARN of the identity that the app runs as' },
        Action: 'sts:AssumeRole',
        Condition: { StringEquals: { 'sts:ExternalId': externalId } },
      },
    ],
  });

/** Of a session of a role, the role: trust policies name that. */
export function principalOf(arn: string): string {
  const [, partition, account, role] =
    /^arn:([a-z-]+):sts::(\d{12}):assumed-role\/([^/]+)\//.exec(arn) ?? [];
  return role === undefined ? arn : `arn:${partition}:iam::${account}:role/${role}`;
}
