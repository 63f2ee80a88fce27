import type { GitHub } from '../../src/github/port.ts';
import type { Refused, Reply } from '../../src/model/reply.ts';
import type { HookCall, HookFault } from '../../src/sandbox/github-hooks.ts';
import type { Fault as KernelFault } from '../../src/sandbox/kernel.ts';
import type { Gate, PortCall, Process } from '../../src/sandbox/process.ts';
import type { Fault, Scenario } from './scenario.ts';

type Of<K extends Fault['kind']> = Extract<Fault, { kind: K }>;
type Window = Of<'github' | 'ec2'>;

/** The scenario's faults as the kernel, the webhooks and the ports ask for them. */
export interface Faults {
  call(call: PortCall): KernelFault | undefined;
  hook(call: HookCall): HookFault | undefined;
  /** GitHub says 404 for what exists. */
  isLie(call: PortCall): boolean;
  /** What happens to the process at this gate. */
  gate(gate: Gate): Of<'crash' | 'pause'> | undefined;
  /**
   * Since when GitHub is down, if that is so long ago that by then whatever it said was heard, and what
   * it said before is too old to go by; undefined: it is not.
   */
  silentSince(underWayMs: number): number | undefined;
  /** The process falls asleep over this call of the store, which lands when it wakes. */
  sending(call: PortCall): Of<'pause'> | undefined;
  /** Machines of this type that boot now never say a word. */
  isSick(type: string): boolean;
  /** EC2 answers 500 right now. */
  isBroken(): boolean;
  /** Of the next call that takes an idle runner away; most come when it is calm again. */
  needed(): Of<'needed'> | undefined;
  /** AWS refuses our credentials right now. */
  hasNoCredentials(): boolean;
  of<K extends Fault['kind']>(kind: K): readonly Of<K>[];
}

export interface FaultDeps {
  /** Since the start. */
  readonly nowMs: () => number;
  readonly mark: (name: string) => void;
  readonly race: (fault: Of<'race'>) => void;
  /** The rules are changed right now, and no webhook tells of it. */
  readonly isSilent: (event: string) => boolean;
  /** GitHub lists neither installations nor, maybe, their repositories. */
  readonly isBlind: (isInstallations: boolean) => boolean;
}

/** What is ten minutes where R is one. */
const isLong = ({ how, ms }: Window, { resyncMs }: Scenario): boolean =>
  how === 'down' && ms >= 10 * resyncMs;

/** Whose App we are. */
const INSTALLATIONS = 'github.installations';
const LISTS: ReadonlySet<string> = new Set([INSTALLATIONS, 'github.repositories']);

const keyOf = (process: string, call: string, nth: number): string => `${process} ${call} ${nth}`;

export function createFaults(scenario: Scenario, deps: FaultDeps): Faults {
  const { nowMs, mark, isSilent } = deps;
  const of = <K extends Fault['kind']>(kind: K) =>
    scenario.faults.filter((fault): fault is Of<K> => fault.kind === kind);
  const calls = new Map(of('call').map((one) => [keyOf(one.process, one.call, one.nth), one]));
  const races = new Map(of('race').map((one) => [keyOf(one.process, one.call, one.nth), one]));
  const named = new Set([...of('call'), ...of('race')].map(({ call }) => call));
  let idleTaken = 0;
  const hooks = new Map(of('hook').map((one) => [one.nth, one]));
  const gates = new Map(
    [...of('crash'), ...of('pause')].map((one) => [`app${one.slot} ${one.gate}`, one]),
  );
  const windows: readonly Window[] = [...of('github'), ...of('ec2')];
  const isCalm = () => nowMs() >= scenario.calmAt;

  /** Windows that are open for this call. */
  const open = (name: string): Window | undefined => {
    if (windows.length === 0 || name.startsWith('store.')) return undefined;
    const now = nowMs();
    return windows.find(
      ({ kind, at, ms }) => name.startsWith(`${kind}.`) && now >= at && now < at + ms,
    );
  };

  return {
    call({ process, name, nth }) {
      if (isCalm()) return undefined;
      if (LISTS.has(name) && deps.isBlind(name === INSTALLATIONS)) {
        mark('fault blind');
        return { kind: 'lost-request' };
      }
      const window = process === 'machine' ? undefined : open(name);
      if (window?.how === 'down' || window?.how === 'limit') {
        mark(`fault ${window.kind} ${window.how}`);
        if (isLong(window, scenario)) mark(`fault ${window.kind} down for ten minutes`);
        return { kind: window.how === 'down' ? 'lost-request' : 'throttled' };
      }
      if (!named.has(name)) return undefined;
      const race = races.get(keyOf(process, name, nth));
      if (race) {
        mark('fault race');
        deps.race(race);
        return { kind: 'slow', ms: race.ms };
      }
      const fault = calls.get(keyOf(process, name, nth));
      if (!fault || fault.how === 'missing') return undefined;
      mark(`fault call ${fault.how}`);
      return { kind: fault.how, ms: fault.ms };
    },
    hook({ nth, event }) {
      if (isSilent(event)) return { kind: 'outage' };
      if (isCalm()) return undefined;
      const window = open('github.hook');
      if (window?.how === 'down') return { kind: 'outage' };
      const period = of('hooks').find(({ at, ms }) => nowMs() >= at && nowMs() < at + ms);
      if (period && period.how !== 'half') mark(`fault hooks ${period.how}`);
      if (period?.how === 'late') return { kind: 'delay', ms: period.lateMs };
      if (period?.how === 'none') return { kind: 'outage' };
      if (period && nth % 2 === 0) {
        mark('fault hooks half');
        return { kind: 'outage' };
      }
      const fault = hooks.get(nth);
      if (!fault) return undefined;
      const { how: kind, ms, times = 1 } = fault;
      if (kind === 'lost' && times > 3) mark('hook lost for ever');
      return { kind, ms, times };
    },
    isLie({ process, name, nth }) {
      if (isCalm()) return false;
      const isLie =
        open(name)?.how === 'missing' || calls.get(keyOf(process, name, nth))?.how === 'missing';
      if (isLie) mark('fault github missing');
      return isLie;
    },
    silentSince(underWayMs) {
      const window = isCalm() ? undefined : open('github.any');
      const lateMs = Math.max(
        0,
        ...of('hook').map(({ ms }) => ms),
        ...of('hooks').map((one) => one.lateMs),
      );
      const forMs = 2 * scenario.resyncMs + underWayMs + lateMs;
      if (window?.how !== 'down') return undefined;
      // In a window that lay over this one, GitHub said something.
      const ends = of('github').map(({ at, ms }) => at + ms);
      const since = Math.max(window.at, ...ends.filter((end) => end <= nowMs()));
      return nowMs() - since > forMs ? since : undefined;
    },
    sending({ process, name, nth }) {
      if (gates.size === 0 || isCalm() || !name.startsWith('store.')) return undefined;
      const fault = gates.get(`${process} ${name} sending ${nth}`);
      return fault?.kind === 'pause' ? fault : undefined;
    },
    isSick(type) {
      const now = nowMs();
      const isIt = of('sick').some(
        (one) => one.type === type && now >= one.at && now < one.at + one.ms,
      );
      if (isIt && !isCalm()) mark('fault sick');
      return isIt && !isCalm();
    },
    isBroken: () => !isCalm() && open('ec2.launch')?.how === 'error',
    needed() {
      idleTaken += 1;
      return of('needed').find(({ nth }) => nth === idleTaken);
    },
    hasNoCredentials() {
      if (isCalm()) return false;
      const now = nowMs();
      return of('credentials').some(({ at, ms }) => now >= at && now < at + ms);
    },
    gate({ process, name, nth, side, gate }) {
      if (gates.size === 0 || isCalm()) return undefined;
      return gates.get(`${process} ${gate}`) ?? gates.get(`${process} ${name} ${side} ${nth}`);
    },
    of,
  };
}

const NOT_FOUND: Refused = { ok: false, reason: 'missing', code: '404', message: 'Not Found' };

/** GitHub's port with lies: it says 404, and does nothing. */
export function lyingGitHub(
  github: GitHub,
  process: Process,
  faults: Pick<Faults, 'isLie'>,
): GitHub {
  const asked = new Map<string, number>();
  const tell = <T>(call: string, truth: () => Promise<Reply<T>>): Promise<Reply<T>> => {
    const name = `github.${call}`;
    const nth = (asked.get(name) ?? 0) + 1;
    asked.set(name, nth);
    if (!faults.isLie({ process: process.name, name, nth })) return truth();
    return process.call<Reply<T>>(name, () => NOT_FOUND, { unanswered: () => NOT_FOUND });
  };
  return {
    ...github,
    file: (...args) => tell('file', () => github.file(...args)),
    register: (...args) => tell('register', () => github.register(...args)),
    removeRunner: (...args) => tell('removeRunner', () => github.removeRunner(...args)),
    runners: (...args) => tell('runners', () => github.runners(...args)),
    actionsRunner: (...args) => tell('actionsRunner', () => github.actionsRunner(...args)),
    job: (...args) => tell('job', () => github.job(...args)),
    unfinishedJobs: (...args) => tell('unfinishedJobs', () => github.unfinishedJobs(...args)),
    repository: (...args) => tell('repository', () => github.repository(...args)),
    repositories: (...args) => tell('repositories', () => github.repositories(...args)),
  };
}
