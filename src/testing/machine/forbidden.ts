/**
 * What a state machine must not use: clocks, chance, I/O and the locale. While one is being called, using these is an error that says what
 * to use instead.
 * @module
 */
import type { FrozenChanges, StateMachine } from "../../core/state_machine.ts";
import { wrap } from "../../core/wrap.ts";
import { Random } from "../random.ts";

/** The forbidden function, such as `Math.random()`, and its replacement. */
export interface Use {
  /** The forbidden function. */
  readonly what: string;
  /** What to use. */
  readonly instead: string;
}

/** A state machine has used what it must not. */
export class NotDeterministicError extends Error {
  /** @ignore */
  override name = "NotDeterministicError";
  /** @ignore */
  constructor({ what, instead }: Use) {
    super(`${what} in a state machine differs between replicas: ${instead}`);
  }
}

/** What happens at such a use: it is noted and then an error; or it gives values that follow from a seed. */
export type Handling = { readonly onUse?: (use: Use) => void } | { readonly seed: number };

const TIME = "use the agreed time: ctx.time, or context.timestamp";
const CHANCE = "use ctx.random(), or derive numbers from the context";
const OUTSIDE = "an operation reaches nothing outside; let the client ask, and send what came with the operation";
const LATER = "an operation answers at once; let clients call again";
const LOCALE = "compare and format without a locale, for example with <";

/** Makes state machines that are called with these globals replaced. */
export function guardMachine(machine: StateMachine, handling: Handling = {}): StateMachine {
  const guard = <T>(call: () => T) => withoutGlobals(handling, call);
  return wrap(machine, {
    execute: (...call) => guard(() => machine.execute(...call)),
    query: (...call) => guard(() => machine.query(...call)),
    takeChanges: () => guard(() => machine.takeChanges()),
    restore: (chunks) => guard(() => machine.restore(chunks)),
    ...machine.freezeChanges && { freezeChanges: () => guardFrozen(guard(() => machine.freezeChanges!()), guard) },
  });
}

/** The changes are made later, one at a time. */
function guardFrozen(frozen: FrozenChanges, guard: <T>(call: () => T) => T): FrozenChanges {
  return wrap(frozen, {
    get size() {
      return guard(() => frozen.size);
    },
    next: () => guard(() => frozen.next()),
  });
}

/** Calls a function with the globals replaced. */
export function withoutGlobals<T>(handling: Handling, call: () => T): T {
  const undo = replaceGlobals(handling);
  try {
    return call();
  } finally {
    for (const restore of undo.reverse()) restore();
  }
}

type Restore = () => void;

function replaceGlobals(handling: Handling): Restore[] {
  const random = "seed" in handling ? new Random(handling.seed) : null;
  const use = (what: string, instead: string): never => {
    if ("onUse" in handling) handling.onUse?.({ what, instead });
    throw new NotDeterministicError({ what, instead });
  };
  const refuse = (what: string, instead: string) => () => use(what, instead);
  const clock = () => random ? Math.floor(random.between(1e12, 2e12)) : use("Date.now()", TIME);
  const object = (name: string, instead: string) =>
    new Proxy({}, { get: (_, key) => typeof key === "string" ? use(`${name}.${key}`, instead) : undefined });
  const replaced: (Restore | null)[] = [
    replace(Math, "random", () => random ? random.next() : use("Math.random()", CHANCE)),
    replace(globalThis, "Date", dateWith(clock, random ? null : (what) => use(what, TIME))),
    replace(globalThis, "performance", random ? { now: clock } : object("performance", TIME)),
    replace(globalThis, "crypto", random ? seededCrypto(random) : object("crypto", CHANCE)),
    ...["fetch", "WebSocket", "EventSource"].map((name) => replace(globalThis, name, refuse(`${name}()`, OUTSIDE))),
    ...["setTimeout", "setInterval", "setImmediate", "queueMicrotask"].map((name) =>
      replace(globalThis, name, refuse(`${name}()`, LATER))
    ),
    replace(globalThis, "Intl", object("Intl", LOCALE)),
    replace(String.prototype, "localeCompare", refuse("localeCompare()", LOCALE)),
    ...[Number.prototype, Array.prototype, Date.prototype].map((prototype) =>
      replace(prototype, "toLocaleString", refuse("toLocaleString()", LOCALE))
    ),
  ];
  return replaced.filter((restore) => restore !== null);
}

/** `Date` with another clock. `new Date(ms)` and the rest stay as they are. */
function dateWith(clock: () => number, refuse: ((what: string) => never) | null): unknown {
  return new Proxy(Date, {
    construct(target, args, newTarget) {
      if (args.length === 0) refuse?.("new Date()");
      return Reflect.construct(target, args.length === 0 ? [clock()] : args, newTarget);
    },
    apply: (target) => refuse ? refuse("Date()") : new target(clock()).toString(),
    get: (target, key) => key === "now" ? clock : Reflect.get(target, key),
  });
}

function seededCrypto(random: Random): unknown {
  const hex = () => random.int(0, 15).toString(16);
  return {
    randomUUID: () => "xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx".replaceAll("x", hex),
    getRandomValues: (bytes: Uint8Array) => bytes.map((_, i) => bytes[i] = random.int(0, 255)),
  };
}

/** Replaces a property and returns how to put it back; `null`: there is none, or it can't be replaced. */
function replace(holder: object, name: string, value: unknown): Restore | null {
  const before = Object.getOwnPropertyDescriptor(holder, name);
  if (!before?.configurable) return null;
  Object.defineProperty(holder, name, {
    value,
    configurable: true,
    writable: true,
    enumerable: before.enumerable ?? false,
  });
  return () => void Object.defineProperty(holder, name, before);
}
