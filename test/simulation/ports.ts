import type { Accounts } from '../../src/accounts/port.ts';
import type { LaunchAnswer } from '../../src/ec2/port.ts';
import type { Log } from '../../src/lib/log.ts';
import type { LaunchFailure } from '../../src/model/aws-codes.ts';
import type { LaunchRequest } from '../../src/model/launch.ts';
import type { Kernel } from '../../src/sandbox/kernel.ts';
import type { Process } from '../../src/sandbox/process.ts';
import type { Code } from './code.ts';

/** Nothing was launched, and the same again would come to nothing as well. */
const FINAL: ReadonlySet<LaunchFailure> = new Set(['capacity', 'price', 'quota']);
const ERROR: LaunchAnswer = {
  ...{ ok: false, failure: 'unknown', code: 'InternalError' },
  message: 'An internal error has occurred.',
};

/** While `isBroken` says so, EC2 answers 500 at once: half the time it has launched all the same. */
export const breakingAccounts = (
  accounts: Accounts,
  { kernel, process, isBroken }: { kernel: Kernel; process: Process; isBroken: () => boolean },
): Accounts => ({
  ...accounts,
  ec2(account, region) {
    const ec2 = accounts.ec2(account, region);
    const launch: typeof ec2.launch = async (request) => {
      if (!isBroken()) return ec2.launch(request);
      kernel.mark('fault ec2 error');
      const isDone = kernel.rand('ec2 error') < 0.5;
      if (isDone) await ec2.launch(request);
      return isDone ? ERROR : process.call('ec2.error', () => ERROR);
    };
    return { ...ec2, launch };
  },
});

/** Tells of each launch as it is sent, and of each that EC2 has none to give for. */
export const watchLaunches = (
  accounts: Accounts,
  tell: {
    readonly sends: (request: Pick<LaunchRequest, 'tags' | 'clientToken'>) => void;
    readonly refused: (place: string) => void;
  },
): Accounts => ({
  ...accounts,
  ec2(account, region) {
    const ec2 = accounts.ec2(account, region);
    const launch: typeof ec2.launch = async (request) => {
      const { zone, type, market } = request;
      tell.sends(request);
      const answer = await ec2.launch(request);
      if (!answer.ok && FINAL.has(answer.failure)) tell.refused(`${zone} ${type} ${market}`);
      return answer;
    };
    return { ...ec2, launch };
  },
});

/** There are no credentials while `areLost` says so; what was begun with them goes on. */
export const losingAccounts = (accounts: Accounts, areLost: () => boolean): Accounts => ({
  ...accounts,
  accountFor: async (...of) =>
    areLost()
      ? { reason: { code: 'account', text: 'AWS refuses the credentials.' } }
      : accounts.accountFor(...of),
});

/** What a process says. An error is a bug of the app, wherever it is caught. */
export function logOf(kernel: Kernel, process: Process, isVerbose: boolean): Log {
  const say = (facts: object, message: string) => {
    if (isVerbose) kernel.trace(`${process.name}: ${message} ${JSON.stringify(facts)}`);
  };
  return {
    debug() {},
    info: say,
    warn: say,
    error(facts, message) {
      const err = 'err' in facts ? facts.err : undefined;
      const cause = err instanceof Error ? err.stack?.split('\n').slice(0, 4).join(' ') : '';
      kernel.invariant(false, 'bug', `${message} ${JSON.stringify(facts)}: ${cause}`);
    },
  };
}

/** Deriving a key takes longer than a tick: the same question gets the same answer. */
export function memoKeys(keys: ReturnType<Code['createKeys']>): ReturnType<Code['createKeys']> {
  const known = new Map<string, string>();
  const mac = (purpose: string, parts: readonly string[]) => {
    const key = [purpose, ...parts].join('\n');
    const value = known.get(key) ?? keys.mac(purpose, parts);
    known.set(key, value);
    return value;
  };
  const isMac = (purpose: string, parts: readonly string[], given: string) =>
    mac(purpose, parts) === given;
  return { ...keys, mac, isMac };
}
