import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers';
import timersPromises from 'node:timers/promises';

// Whoever asks the machine for its time, its chance or its patience plays another scenario each time.
// While a scenario is played all of these throw; the kernel has its own of each.

/** Where each function hangs, and those of its names that are wired. */
const WIRED: readonly (readonly [on: object, label: string, names: readonly string[]])[] = [
  [globalThis.performance, 'performance.', ['now']],
  [Math, 'Math.', ['random']],
  [globalThis, '', ['setTimeout', 'setInterval', 'setImmediate', 'fetch']],
  [timers, 'timers.', ['setTimeout', 'setInterval', 'setImmediate']],
  [timersPromises, 'timers/promises.', ['setTimeout', 'setInterval', 'setImmediate']],
  [AbortSignal, 'AbortSignal.', ['timeout']],
  [globalThis.crypto, 'crypto.', ['randomUUID', 'getRandomValues']],
  [crypto, 'crypto.', ['randomUUID', 'randomBytes', 'randomInt', 'randomFillSync']],
];

/** `new Date(0)` and `Date.UTC` stay what they are: they tell nothing of now. */
function wiredDate(real: DateConstructor, trip: (what: string) => never): DateConstructor {
  return new Proxy(real, {
    apply: () => trip('Date()'),
    construct: (target, args, self) =>
      args.length === 0 ? trip('new Date()') : Reflect.construct(target, args, self),
    get: (target, name) =>
      name === 'now' ? () => trip('Date.now') : Reflect.get(target, name, target),
  });
}

/** Arms all of them; answers what disarms them. `tell` hears of a trip even where it is caught. */
export function armTripwires(tell: (what: string) => void): () => void {
  const trip = (what: string): never => {
    tell(what);
    throw new Error(`${what} is not for the code under test: a Clock or Random is handed in`);
  };
  const undo: (() => void)[] = [];
  const wire = (on: object, name: string, value: unknown) => {
    const own = Object.getOwnPropertyDescriptor(on, name);
    Object.defineProperty(on, name, { value, configurable: true, writable: true });
    undo.push(() => {
      if (own) Object.defineProperty(on, name, own);
      else Reflect.deleteProperty(on, name);
    });
  };
  for (const [on, label, names] of WIRED) {
    for (const name of names) wire(on, name, () => trip(label + name));
  }
  wire(globalThis, 'Date', wiredDate(Date, trip));
  syncBuiltinESMExports();
  return () => {
    for (const one of undo.reverse()) one();
    syncBuiltinESMExports();
  };
}
