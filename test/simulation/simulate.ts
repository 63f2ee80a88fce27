import { createHash } from 'node:crypto';
import type { Store } from '../../src/store/port.ts';
import { type Code, soundCode } from './code.ts';
import { checkEnd, isOver, isQuiet } from './end-checks.ts';
import { schedule } from './events.ts';
import type { Scenario } from './scenario.ts';
import { armTripwires } from './tripwires.ts';
import { createWorld, type World } from './world.ts';

export type StoreKind = 'memory' | 'sqlite';

export interface SimulateOptions {
  readonly store?: StoreKind;
  readonly code?: Code;
  readonly isVerbose?: boolean;
  /** Promises that are not judged: a mutant shows what else would be broken. */
  readonly blindTo?: readonly string[];
}

export interface Result {
  /** The promise that was broken; null: none was. */
  readonly rule: string | null;
  readonly text: string;
  readonly trace: readonly string[];
  /** Of the trace and of all that is counted. */
  readonly hash: string;
  readonly marks: ReadonlyMap<string, number>;
  readonly worstSurplus: number;
  readonly virtualMs: number;
}

/** How long everything may take to converge once nothing goes wrong. */
const CALM_MS = 5_400_000;
const MOST_EVENTS = 1_500_000;
const LOOK_MS = 5_000;

async function openStore(kind: StoreKind, code: Code): Promise<Store> {
  if (kind === 'memory') return code.createMemoryStore();
  const opened = await code.openSqliteStore(':memory:');
  if (!opened.ok) throw new Error(opened.message);
  return opened.store;
}

/** Plays a scenario to its end, or to the first promise that is broken. */
export async function simulate(scenario: Scenario, options: SimulateOptions = {}): Promise<Result> {
  const { store: kind = 'memory', code = soundCode, isVerbose = false, blindTo = [] } = options;
  const opened: Store[] = [];
  const world = await createWorld(scenario, {
    code,
    isVerbose,
    blindTo,
    openStore: async () => {
      const store = await openStore(kind, code);
      opened.push(store);
      return store;
    },
  });
  const { kernel } = world;
  const rejections: unknown[] = [];
  const onRejection = (error: unknown) => void rejections.push(error);
  process.on('unhandledRejection', onRejection);
  const disarm = armTripwires((what) => kernel.invariant(false, 'tripwire', what));
  try {
    await play(world).finally(disarm);
    // Rejections are told when the stack of the last event has been left.
    await new Promise(setImmediate);
    const [first] = rejections;
    const told = first instanceof Error ? first.stack : String(first);
    kernel.invariant(rejections.length === 0, 'bug', `a promise was left: ${told}`);
  } finally {
    process.off('unhandledRejection', onRejection);
    for (const store of opened) await store.close();
  }
  return resultOf(world);
}

async function play(world: World): Promise<void> {
  const { kernel, scenario } = world;
  schedule(world);
  let isDone = false;
  const look = () => {
    if (!isOver(world)) return void kernel.at(LOOK_MS, 'look', look);
    void isQuiet(world).then((isIt) => {
      isDone = isIt;
      if (!isDone) kernel.at(LOOK_MS, 'look', look);
    });
  };
  // Not before the last words were heard, or read in a sweep.
  kernel.at(scenario.calmAt + 3 * scenario.resyncMs, 'look', look);
  const end = await kernel.run({
    until: () => isDone,
    untilMs: kernel.now() + scenario.calmAt + CALM_MS,
    maxEvents: MOST_EVENTS,
  });
  if (end === 'violation') return;
  kernel.invariant(end !== 'events', 'busy-loop', `${MOST_EVENTS} events, and no end`);
  await checkEnd(world);
}

function resultOf({ kernel, promises, nowMs }: World): Result {
  const { violation, lines, marks } = kernel;
  const sorted = [...marks].sort(([a], [b]) => (a < b ? -1 : 1));
  const hash = createHash('sha256')
    .update([...lines, JSON.stringify(sorted), kernel.now()].join('\n'))
    .digest('hex');
  return {
    rule: violation?.rule ?? null,
    text: violation?.text ?? '',
    trace: lines,
    hash,
    marks,
    worstSurplus: promises.worstSurplus,
    virtualMs: nowMs(),
  };
}
