import {
  CreateSecretCommand,
  DeleteSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  RestoreSecretCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import type { ScopeId } from '../model/ids.ts';
import { done, type Reply } from '../model/reply.ts';
import { refusal } from './errors.ts';
import type { Vault } from './port.ts';
import { patience, type WireOptions, within } from './wire.ts';

/** Secrets Manager, by the app's own credentials: one secret for each scope, named by its id. */
export function createAwsVault(of: WireOptions & { readonly prefix: string }): Vault {
  const client = new SecretsManagerClient(within(of));
  const nameOf = (scope: ScopeId) => `${of.prefix}${scope}`;
  const ask = async <T>(call: () => Promise<T>): Promise<Reply<T>> => {
    try {
      return done(await call());
    } catch (error) {
      return refusal(error);
    }
  };
  const put = (name: string, text: string) =>
    ask(() =>
      client.send(new PutSecretValueCommand({ SecretId: name, SecretString: text }), patience()),
    );
  const get = async (name: string): Promise<Reply<string>> => {
    const command = new GetSecretValueCommand({ SecretId: name });
    const answer = await ask(() => client.send(command, patience()));
    if (answer.ok) return done(answer.value.SecretString ?? '');
    // Marked for deletion: it is not there, for us.
    const isGone = answer.code === 'InvalidRequestException';
    return isGone ? { ...answer, reason: 'missing' } : answer;
  };

  return {
    async read(scope) {
      const answer = await get(nameOf(scope));
      if (answer.ok || answer.reason !== 'denied') return answer;
      // AWS has one code for no right to secrets, for the policy of this one and for its KMS key. Of
      // a name that nobody has it says `missing` to whom it lets read.
      const other = await get(`${of.prefix}${scope.replace(/\d+$/, '0')}`);
      if (!other.ok && other.reason === 'denied') return { ...other, message: NO_RIGHT };
      const isThisOne = other.ok || other.reason === 'missing';
      return isThisOne ? { ...answer, reason: 'invalid', message: NOT_THIS_ONE } : other;
    },
    async write(scope, text) {
      const name = nameOf(scope);
      const first = await put(name, text);
      if (first.ok) return done(null);
      if (first.code === 'InvalidRequestException') {
        const restored = await ask(() =>
          client.send(new RestoreSecretCommand({ SecretId: name }), patience()),
        );
        const second = restored.ok ? await put(name, text) : restored;
        return second.ok ? done(null) : second;
      }
      if (first.reason !== 'missing') return first;
      const Description = 'An AWS account for dstack autoscale';
      const create = new CreateSecretCommand({ Name: name, SecretString: text, Description });
      const made = await ask(() => client.send(create, patience()));
      return made.ok ? done(null) : made;
    },
    async remove(scope) {
      const command = new DeleteSecretCommand({
        SecretId: nameOf(scope),
        // Who clears an account means it, and the keys are AWS's to give again.
        ForceDeleteWithoutRecovery: true,
      });
      const answer = await ask(() => client.send(command, patience()));
      return answer.ok || answer.reason === 'missing' ? done(null) : answer;
    },
  };
}

// In place of AWS's own words, which name ids: reasons stand in public repositories.
const NO_RIGHT = 'the app may read no secret';
const NOT_THIS_ONE =
  'the app may read secrets, but not this one: look at its resource policy and its KMS key';
