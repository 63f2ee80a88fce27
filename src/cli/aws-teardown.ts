import { region } from '../commands/values.ts';
import { pathOf } from './aws.ts';
import { EXIT, type Io, isTrouble, tell } from './io.ts';
import type { Options } from './options.ts';
import { ownOptions } from './own-options.ts';
import { placeOf } from './place.ts';
import { askServer, troubleOf } from './server.ts';

/** `dstack aws teardown`: of one region, and what else is left when people leave. */
export async function awsTeardown(
  io: Io,
  words: readonly string[],
  options: Options,
): Promise<number> {
  const read = ownOptions('aws teardown', words, { region });
  if (isTrouble(read)) return tell(io, read);
  const place = await placeOf(io, options);
  if (isTrouble(place)) return tell(io, place);
  const named = read.given['region'];
  const more = named === undefined ? '' : `&region=${encodeURIComponent(named)}`;
  const path = `${pathOf(place)}?only=security-group${more}`;
  const answer = await askServer(io, place, { method: 'DELETE', path });
  if (isTrouble(answer)) return tell(io, answer);
  if (answer.status !== 200) return tell(io, troubleOf(answer));
  if (options.isJson) {
    io.stdout.write(`${JSON.stringify(answer.body)}\n`);
    return EXIT.done;
  }
  const { region: where, groups } = answer.body;
  const ids = Array.isArray(groups) ? groups.join(', ') : '';
  const head = ids === '' ? 'No security group of ours is' : `Deleted the security group ${ids}`;
  io.stdout.write(`${head} in ${String(where)}.\n${LEFT}`);
  return EXIT.done;
}

const LEFT = `What is left: the credentials here (dstack aws clear), and in AWS the user or role that you made for
dstack, its policy, artifacts in your bucket, and the account's role for spot machines.
`;
