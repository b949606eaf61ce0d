/**
 * What a state machine must not use: clocks, chance, I/O, the locale and the time zone. While one is being called, using these is an error
 * that says what to use instead.
 * @module
 */
import type { FrozenChanges, StateMachine } from "../../core/state_machine.ts";
import { wrap } from "../../core/wrap.ts";
import { Random } from "../random.ts";
import { watchCall } from "./globals.ts";

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

/** Makes state machines that are called with these globals replaced. */
export function guardMachine(machine: StateMachine, handling: Handling = {}): StateMachine {
  const guard = <T>(call: () => T) => withoutGlobals(handling, call);
  return wrap(machine, {
    execute: (...call) => guard(() => machine.execute(...call)),
    query: (...call) => guard(() => machine.query(...call)),
    // A generator would run later.
    takeChanges: () => guard(() => listOf(machine.takeChanges())),
    restore: (chunks) => guard(() => machine.restore(chunks)),
    ...machine.freezeChanges && { freezeChanges: () => guardFrozen(guard(() => machine.freezeChanges!()), guard) },
  });
}

/** Something that is no list stays what it is. */
function listOf<T>(changes: Iterable<T>): Iterable<T> {
  return typeof changes?.[Symbol.iterator] === "function" ? [...changes] : changes;
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
  return callWithout(handling, false, call);
}

/** Calls what its author wrote, but no operation. Its clocks and its chance follow from the seed; its surroundings are not looked at. */
export function callSeeded<T>(call: () => T, seed: number): T {
  return callWithout({ seed }, true, call);
}

function callWithout<T>(handling: Handling, isMaking: boolean, call: () => T): T {
  const use = (what: string, instead: string): never => {
    if ("onUse" in handling) handling.onUse?.({ what, instead });
    throw new NotDeterministicError({ what, instead });
  };
  return watchCall({ random: "seed" in handling ? new Random(handling.seed) : null, isMaking, use }, call);
}
