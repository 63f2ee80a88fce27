import { bucket, region } from '../commands/values.ts';
import { EXIT, type Io, isTrouble, tell } from './io.ts';
import { ownOptions } from './own-options.ts';

const account = {
  accepts: 'the 12 digits of an AWS account',
  of: (word: string) => (/^[0-9]{12}$/.test(word) ? word : undefined),
};

/** `dstack aws policy`: asks nobody, and needs no account. */
export async function awsPolicy(io: Io, words: readonly string[]): Promise<number> {
  const known = { account, region, bucket, 'on-demand': null };
  const read = ownOptions('aws policy', words, known);
  if (isTrouble(read)) return tell(io, read);
  const { given } = read;
  const policy = await io.policy({
    account: given['account'] ?? '*',
    region: given['region'] ?? '*',
    onDemand: given['on-demand'] !== undefined,
    ...(given['bucket'] !== undefined && { bucket: given['bucket'] }),
  });
  io.stdout.write(`${policy.trimEnd()}\n`);
  return EXIT.done;
}
