import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import type { Instant } from '../lib/clock.ts';
import { done, type Reply } from '../model/reply.ts';
import { refusal } from './errors.ts';
import type { AwsKeys } from './port.ts';
import { patience, type WireOptions, within } from './wire.ts';

export interface Session {
  readonly keys: AwsKeys;
  readonly endsAt: Instant;
}

export interface AssumeAsk {
  readonly roleArn: string;
  /** null: asked without one, to see that the role demands it. */
  readonly externalId: string | null;
  /** The user's CloudTrail shows it. */
  readonly sessionName: string;
}

/** STS, asked by the app: who signs, and sessions of roles. */
export interface Identities {
  /** null: the app's own chain. */
  callerOf(
    keys: AwsKeys | null,
  ): Promise<Reply<{ readonly account: string; readonly arn: string }>>;
  assume(ask: AssumeAsk): Promise<Reply<Session>>;
}

/** The most that AWS gives where the assumer's own credentials are a role's. */
const SESSION_S = 3_600;

export function createIdentities(options: WireOptions): Identities {
  const own = new STSClient(within(options));
  const { requestHandler } = own.config;
  return {
    async callerOf(keys) {
      const client = keys
        ? new STSClient({ ...within(options), requestHandler, credentials: keys })
        : own;
      try {
        const { Account = '', Arn = '' } = await client.send(
          new GetCallerIdentityCommand({}),
          patience(),
        );
        return done({ account: Account, arn: Arn });
      } catch (error) {
        return refusal(error);
      }
    },
    async assume({ roleArn, externalId, sessionName }) {
      const command = new AssumeRoleCommand({
        RoleArn: roleArn,
        RoleSessionName: sessionName,
        DurationSeconds: SESSION_S,
        ...(externalId !== null && { ExternalId: externalId }),
      });
      try {
        const { Credentials: given } = await own.send(command, patience());
        const keys = {
          accessKeyId: given?.AccessKeyId ?? '',
          secretAccessKey: given?.SecretAccessKey ?? '',
          sessionToken: given?.SessionToken ?? '',
        };
        return done({ keys, endsAt: given?.Expiration?.getTime() ?? 0 });
      } catch (error) {
        return refusal(error);
      }
    },
  };
}
