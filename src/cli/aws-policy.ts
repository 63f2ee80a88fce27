import { parseArgs } from 'node:util';
import { bucket, region } from '../commands/values.ts';
import { EXIT, type Io, type PolicyAsk, tell } from './io.ts';

const USAGE = `usage: dstack aws policy [-h] [--account ID] [--region R] [--bucket NAME] [--on-demand]

Prints the IAM policy for the credentials of an AWS account: the least that works.
It needs no server, and reads nothing of yours.

optional arguments:
  -h, --help     Show this help
  --account ID   For this AWS account alone: its 12 digits
  --region R     For this region alone
  --bucket NAME  Also for artifacts in your own S3 bucket
  --on-demand    Also for rules that may launch on demand
`;

const OPTIONS = {
  account: { type: 'string', default: '*' },
  region: { type: 'string', default: '*' },
  bucket: { type: 'string' },
  'on-demand': { type: 'boolean', default: false },
} as const;

export async function awsPolicy(io: Io, rest: readonly string[], isHelp: boolean): Promise<number> {
  if (isHelp) {
    io.stdout.write(USAGE);
    return EXIT.done;
  }
  const ask = askOf(rest);
  if (typeof ask === 'string') {
    return tell(io, { exit: EXIT.usage, what: ask, tries: 'dstack aws policy --help' });
  }
  io.stdout.write(`${(await io.policy(ask)).trimEnd()}\n`);
  return EXIT.done;
}

/** A text is what is wrong. */
function askOf(rest: readonly string[]): PolicyAsk | string {
  try {
    const { values } = parseArgs({ args: [...rest], options: OPTIONS });
    const { account, bucket: name } = values;
    if (account !== '*' && !/^[0-9]{12}$/.test(account)) return '--account: write 12 digits';
    const at = values.region === '*' ? '*' : region.of(values.region);
    if (at === undefined) return `--region: write ${region.accepts}`;
    if (name !== undefined && bucket.of(name) === undefined)
      return `--bucket: write ${bucket.accepts}`;
    const onDemand = values['on-demand'];
    return { account, region: at, onDemand, ...(name !== undefined && { bucket: name }) };
  } catch {
    return 'aws policy does not take that';
  }
}
