import { fieldsOf, textOf } from '../model/github-json.ts';
import { EXIT, type Io, isTrouble, tell } from './io.ts';
import type { Place } from './place.ts';
import { type Answered, askServer, troubleOf } from './server.ts';

/** Machines that were told to end are gone for EC2 some seconds later. */
const CLEAR_TRIES = 24;
const CLEAR_WAIT_MS = 5_000;

export const pathOf = ({ scope }: Place) => `/api/v1/accounts/${scope}`;

export async function awsInfo(io: Io, place: Place, isJson: boolean): Promise<number> {
  const answer = await askServer(io, place, { method: 'GET', path: pathOf(place) });
  if (isTrouble(answer)) return tell(io, answer);
  if (answer.status !== 200) return tell(io, troubleOf(answer));
  const { body } = answer;
  if (isJson) io.stdout.write(`${JSON.stringify(body)}\n`);
  else io.stdout.write(body['account'] === null ? none(place, body) : shown(place, body));
  return EXIT.done;
}

function shown({ name }: Place, body: Answered['body']): string {
  const account = fieldsOf(body['account']);
  const text = (key: string) => textOf(account[key]);
  const repositories = Array.isArray(account['repositories']) ? account['repositories'] : [];
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['For', name],
    ['AWS account', text('awsAccount')],
    ['Access key', text('accessKeyId')],
    ['Role', text('roleArn')],
    ['External id', text('roleArn') && textOf(body['externalId'])],
    ['Region', text('region') ?? 'None'],
    ['Bucket', text('bucket') ?? 'None'],
    ['Serves', repositories.length > 0 ? `repositories ${repositories.join(', ')}` : undefined],
    ['Problem', text('problem')],
  ];
  return lines(rows);
}

const NO_PRINCIPAL = 'none: the app has no AWS credentials of its own, which a role needs';

const none = ({ name }: Place, body: Answered['body']): string =>
  `${textOf(body['problem']) ?? `No AWS account is configured for ${name}.`}\n${lines([
    ['External id', textOf(body['externalId'])],
    ['Principal', textOf(body['principal']) ?? NO_PRINCIPAL],
  ])}`;

const lines = (rows: readonly (readonly [string, string | undefined])[]): string =>
  rows
    .filter(([, value]) => value !== undefined)
    .map(([label, value]) => `${label.padEnd(12)}${value}\n`)
    .join('');

export async function awsClear(
  io: Io,
  place: Place,
  of: { readonly isForced: boolean; readonly isJson: boolean },
): Promise<number> {
  const path = `${pathOf(place)}${of.isForced ? '?force=1' : ''}`;
  for (let left = CLEAR_TRIES; ; left--) {
    const answer = await askServer(io, place, { method: 'DELETE', path });
    if (isTrouble(answer)) return tell(io, answer);
    if (answer.status === 200) {
      const words = `The AWS account of ${place.name} is forgotten.`;
      io.stdout.write(`${of.isJson ? JSON.stringify(answer.body) : words}\n`);
      return EXIT.done;
    }
    const trouble = troubleOf(answer);
    const isEnding = fieldsOf(answer.body['error'])['code'] === 'ending';
    if (!isEnding || left <= 1) return tell(io, trouble);
    io.stderr.write('Machines are ending …\n');
    await io.clock.sleep(CLEAR_WAIT_MS);
  }
}
