import { at, halfRegistered, noticed, repo, type Stage, slot, uninstall } from './draw-together.ts';
import type { CallHow, Dice, Fault, Moment, Who } from './scenario.ts';

/** How often a scenario makes each call, about: a fault of a later one would never come. */
const APP_CALLS: readonly (readonly [call: string, most: number])[] = [
  ['ec2.launch', 16],
  ['ec2.launch', 6],
  ['ec2.list', 60],
  ['ec2.listLaunch', 2],
  ['ec2.terminate', 8],
  ['ec2.types', 4],
  ['ec2.image', 4],
  ['ec2.securityGroup', 2],
  ['github.file', 3],
  ['github.file', 20],
  ['github.register', 20],
  ['github.register', 20],
  ['github.removeRunner', 8],
  ['github.runners', 3],
  ['github.repository', 3],
  ['github.repositories', 3],
  ['github.installations', 3],
  ['github.job', 6],
  ['github.unfinishedJobs', 20],
  ['github.actionsRunner', 30],
  ['github.failedDeliveries', 10],
  ['github.redeliver', 4],
  ['sts.callerOf', 20],
];
const MACHINE_CALLS: readonly (readonly [call: string, most: number])[] = [
  ['gateway.register', 24],
  ['gateway.events', 120],
];
type Raced = readonly [call: string, most: number];
const RACED: readonly [Raced, ...Raced[]] = [
  ['github.removeRunner', 4],
  ['github.removeRunner', 10],
  ['ec2.terminate', 4],
  ['ec2.launch', 12],
  ['github.register', 12],
];

const SLOW_MS = [500, 8_000] as const;
/** A process has about this many gates while faults come. */
const MOST_GATES = 9_000;
const MOST_HOOKS = 90;
const MOST_MACHINES = 24;
/** More than any rules have machines for. */
const MATRIX_JOBS = 12;

/** Some say only together what they are to say. */
type Draw = (dice: Dice, stage: Stage) => Fault | readonly Fault[];

/** Where a life has two truths: what is decided and not done, done and not written down. */
const MOMENTS: readonly [string, ...string[]] = [
  'store.intend arrival',
  'store.intend answer',
  'store.intend answer',
  'ec2.launch arrival',
  'ec2.launch answer',
  'store.settle arrival',
  'ec2.list answer',
  'github.register arrival',
  'github.register answer',
  'github.removeRunner answer',
  'ec2.terminate answer',
  'store.receive answer',
];

/** Asleep with what is about to be written down in hand, or with what just was. */
const DUELS: readonly [string, ...string[]] = [
  'store.intend sending',
  'store.intend sending',
  'store.saveReasons sending',
  'store.intend arrival',
];

/** Half of them close to a call; of the others early ones as often as late: much happens once only. */
function gate(dice: Dice): Moment {
  if (dice.isTrue('is close', 0.5)) {
    return `${dice.pick('moment', MOMENTS)} ${dice.int('moment nth', 1, 10)}`;
  }
  return Math.floor(Math.exp(dice.unit('gate') * Math.log(MOST_GATES))) + 1;
}

function callFault(dice: Dice, stage: Stage): Fault {
  const isMachine = dice.isTrue('machine call', 0.25);
  const [call, most] = dice.pick(
    'call',
    (isMachine ? MACHINE_CALLS : APP_CALLS) as [[string, number], ...[string, number][]],
  );
  const process = isMachine ? 'machine' : `app${slot(dice, stage)}`;
  const hows: [CallHow, ...CallHow[]] = ['lost-request', 'lost-answer', 'slow'];
  if (!isMachine) hows.push('throttled');
  if (call.startsWith('github.')) hows.push('missing');
  const [least, longest] = SLOW_MS;
  return {
    kind: 'call',
    process,
    call,
    nth: dice.int('nth', 1, most),
    how: dice.pick('how', hows),
    ms: dice.int('slow', least, longest),
  };
}

/** Who says it where: with an owner, in the owner's own repository too, by one who administers it. */
function speaker(
  dice: Dice,
  stage: Stage,
): Pick<Extract<Fault, { kind: 'command' }>, 'repo' | 'who'> {
  const isHome = stage.isOwners && dice.isTrue('at home', 0.5);
  const who = dice.pick<Who>('who', ['writer', 'writer', 'writer', 'reader', 'stranger']);
  if (!isHome) return { repo: repo(dice, stage), who };
  return { repo: stage.repos, who: dice.isTrue('admin', 0.8) ? 'admin' : who };
}

const DRAWS: Readonly<Record<string, Draw>> = {
  call: callFault,
  calls: callFault,
  race: (dice, stage) => {
    const [call, most] = dice.pick('raced', RACED);
    return {
      kind: 'race',
      process: `app${slot(dice, stage)}`,
      call,
      nth: dice.int('raced nth', 1, most),
      ms: dice.int('raced ms', 500, 6_000),
      repo: repo(dice, stage),
    };
  },
  'half-registered': halfRegistered,
  hook: (dice) => ({
    kind: 'hook',
    nth: dice.int('hook', 1, MOST_HOOKS),
    how: dice.pick('hook how', ['lost', 'lost', 'outage', 'delay', 'delay', 'double']),
    ms: dice.int('hook ms', 1_000, 60_000),
    times: dice.pick('hook times', [1, 2, 9, 9]),
  }),
  hooks: (dice, stage) => ({
    kind: 'hooks',
    at: at(dice, stage),
    ms: dice.int('hooks ms', 20_000, 240_000),
    how: dice.pick('hooks how', ['half', 'none', 'late', 'late']),
    lateMs: dice.int('hooks late', 5_000, 90_000),
  }),
  capacity: (dice, stage) => ({
    kind: 'capacity',
    at: at(dice, stage),
    ms: dice.int('capacity ms', 10_000, 120_000),
    type: dice.pick('capacity type', ['m5.large', 'c5.xlarge', 'm5.xlarge']),
    zones: dice.pick('zones', ['one', 'all']),
  }),
  quota: (dice, stage) => ({
    kind: 'quota',
    at: at(dice, stage),
    ms: dice.int('quota ms', 10_000, 60_000),
  }),
  price: (dice, stage) => ({
    kind: 'price',
    at: at(dice, stage),
    ms: dice.int('price ms', 20_000, 120_000),
    type: dice.pick('price type', ['m5.large', 'c5.xlarge', 'm5.xlarge']),
  }),
  late: (dice, stage) => ({
    kind: 'late',
    at: at(dice, stage),
    ms: dice.int('late for', 10_000, 90_000),
    lateMs: dice.int('late ms', 10_000, 120_000),
  }),
  reclaim: (dice, stage) => ({
    kind: 'reclaim',
    at: at(dice, stage),
    nth: dice.int('reclaim nth', 0, 9),
    hasNotice: dice.isTrue('notice', 0.5),
    count: dice.pick('taken', [1, 1, 3, 10]),
  }),
  phase: (dice, stage) => ({
    kind: 'reclaim',
    at: at(dice, stage),
    nth: 0,
    hasNotice: dice.isTrue('phase notice', 0.5),
    phase: dice.pick('phase', ['idle', 'after its job']),
  }),
  noticed,
  machine: (dice) => ({
    kind: 'machine',
    nth: dice.int('machine nth', 1, MOST_MACHINES),
    behaviour: dice.pick('behaviour', [
      'dead',
      'ghost',
      'dies-in-job',
      'hangs',
      'power-off-fails',
      'power-off-fails',
    ]),
  }),
  sick: (dice) => ({
    kind: 'sick',
    at: dice.int('sick at', 0, 40_000),
    ms: dice.int('sick ms', 60_000, 200_000),
    type: dice.pick('sick type', ['m5.large', 'c5.xlarge', 'm5.xlarge']),
  }),
  'slow-start': (dice) => ({
    kind: 'slow-start',
    nth: dice.int('slow nth', 1, MOST_MACHINES),
    ms: dice.int('slow start', 50_000, 110_000),
  }),
  github: (dice, stage) => ({
    kind: 'github',
    at: at(dice, stage),
    ms: dice.int('github ms', 5_000, 100_000),
    how: dice.pick('github how', ['down', 'limit', 'missing']),
  }),
  /** What is ten minutes where R is one. */
  outage: (dice, { resyncMs }) => ({
    kind: 'github',
    at: dice.int('outage at', 0, 60_000),
    ms: 10 * resyncMs,
    how: 'down',
  }),
  ec2: (dice, stage) => ({
    kind: 'ec2',
    at: at(dice, stage),
    ms: dice.int('ec2 ms', 5_000, 60_000),
    how: dice.pick('ec2 how', ['down', 'limit', 'error']),
  }),
  cancel: (dice, stage) => ({
    kind: 'cancel',
    at: at(dice, stage),
    job: dice.int('cancelled', 0, stage.jobs - 1),
  }),
  matrix: (dice, stage) => ({
    kind: 'matrix',
    at: at(dice, stage),
    repo: repo(dice, stage),
    jobs: MATRIX_JOBS,
    durationMs: dice.int('matrix ms', 5_000, 40_000),
    cancelMs: dice.int('matrix cancelled', 500, 50_000),
  }),
  withheld: (dice, stage) => ({
    kind: 'withheld',
    at: at(dice, stage),
    repo: repo(dice, stage),
    ms: dice.int('withheld ms', 60_000, 300_000),
    durationMs: dice.int('withheld job ms', 2_000, 20_000),
  }),
  theft: (dice, stage) => ({
    kind: 'theft',
    at: at(dice, stage),
    repo: repo(dice, stage),
    durationMs: dice.int('theft ms', 2_000, 60_000),
  }),
  rules: (dice, stage) => ({
    kind: 'rules',
    at: at(dice, stage),
    repo: repo(dice, stage),
    to: dice.pick('rules to', [
      'lower',
      'lower',
      'raise',
      'none',
      'disabled',
      'broken',
      'missing',
      'budget',
    ]),
    isSilent: dice.isTrue('silent', 0.3),
  }),
  'own-file': (dice, stage) => ({
    kind: 'own-file',
    at: at(dice, stage),
    repo: repo(dice, stage),
    to: dice.pick('own to', [
      'less',
      'more',
      'other',
      'empty',
      'disabled',
      'broken',
      'missing',
      'missing',
    ]),
    isSilent: dice.isTrue('own silent', 0.2),
  }),
  'own-rules': (dice, stage) => ({
    kind: 'own-rules',
    at: at(dice, stage),
    to: dice.pick('own rules to', ['within', 'allow']),
  }),
  command: (dice, stage) => ({
    kind: 'command',
    at: at(dice, stage),
    ...speaker(dice, stage),
    says: dice.pick('says', [
      'lower',
      'zero',
      'clear',
      'disable',
      'enable',
      'enable',
      'raise',
      'raise',
      'info',
    ]),
    isTwice: dice.isTrue('twice', 0.3),
  }),
  'at-once': (dice, stage) => ({
    kind: 'at-once',
    repo: repo(dice, stage),
    says: dice.pick('takes', ['lower', 'zero', 'clear', 'disable']),
    isProtected: dice.isTrue('protected', 0.5),
  }),
  credentials: (dice, stage) => ({
    kind: 'credentials',
    at: at(dice, stage),
    ms: dice.int('credentials ms', 15_000, 100_000),
  }),
  uninstall,
  rename: (dice, stage) => ({ kind: 'rename', at: at(dice, stage), repo: repo(dice, stage) }),
  crash: (dice, stage) => ({
    kind: 'crash',
    slot: slot(dice, stage),
    gate: gate(dice),
    downMs: dice.int('down ms', 500, 60_000),
    losesStore: false,
  }),
  loss: (dice, stage) => ({
    kind: 'crash',
    slot: slot(dice, stage),
    gate: gate(dice),
    downMs: dice.int('loss down ms', 500, 60_000),
    losesStore: true,
    blindMs: dice.pick('blind ms', [0, 0, 60_000, 150_000]),
  }),
  stop: (dice, stage) => ({
    kind: 'stop',
    slot: slot(dice, stage),
    at: at(dice, stage),
    downMs: dice.int('stop ms', 500, 60_000),
  }),
  /** One decides, sleeps until another decides in its place, and wakes with its decision in hand. */
  duel: (dice, stage) => ({
    kind: 'pause',
    slot: slot(dice, stage),
    gate: `${dice.pick('duel moment', DUELS)} ${dice.int('duel nth', 1, 4)}`,
    ms: dice.int('duel ms', 50_000, 90_000),
  }),
  pause: (dice, stage) => ({
    kind: 'pause',
    slot: slot(dice, stage),
    gate: gate(dice),
    ms: dice.int('pause ms', 5_000, 90_000),
  }),
};

/** At most one of these in a scenario: two would leave little to prove in between. */
const ONCE = new Set(['loss', 'uninstall', 'at-once', 'outage', 'matrix', 'withheld', 'sick']);

/** Only under an owner's rules is a file of its own another one. */
const OF_OWNERS = new Set(['own-file', 'own-rules']);

/** How often a class is on, where not 0.4. */
const SWARM = new Map([
  ['uninstall', 0.25],
  ['outage', 0.1],
  ['price', 0.3],
  ['phase', 0.2],
  ['own-file', 0.9],
]);

const needed = (dice: Dice): Fault => ({
  kind: 'needed',
  nth: dice.int('needed nth', 1, 2),
  ms: dice.int('needed ms', 3_000, 7_000),
});

/** Swarm: each scenario has some classes only, and so some faults in company that is rare else. */
export function drawFaults(dice: Dice, stage: Stage): readonly Fault[] {
  const all = Object.keys(DRAWS).filter((name) => stage.isOwners || !OF_OWNERS.has(name));
  const on = all.filter((name) => dice.isTrue(`swarm ${name}`, SWARM.get(name) ?? 0.4));
  const classes = on.length >= 2 ? on : ['call', 'hook', 'crash', ...on];
  const faults: Fault[] = [];
  const drawn = new Set<string>();
  const wanted = dice.int('faults', 10, 22);
  for (let n = 0; n < wanted; n += 1) {
    const left = classes.filter((name) => !(ONCE.has(name) && drawn.has(name)));
    const name = left[dice.int('class', 0, left.length - 1)] ?? 'call';
    drawn.add(name);
    const draw = DRAWS[name] ?? callFault;
    faults.push(...[draw(dice, stage)].flat());
  }
  // Who takes something away in the calm wants to see it gone in seconds.
  const isNeeded = !drawn.has('at-once') && dice.isTrue('needed after all', 0.25);
  return isNeeded ? [...faults, needed(dice)] : faults;
}
