/**
 * What a state machine must not use: clocks, chance, I/O, the locale and the time zone. While one is being called,
 * using these is an error that says what to use instead.
 * @module
 */
import type { FrozenChanges, StateMachine } from "../core/state_machine.ts";
import { wrap } from "../core/wrap.ts";
import { type Chance, watchCall } from "./globals.ts";

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

/**
 * What happens at such a use: it is noted and then an error; or it gives values that are drawn, in each call from new
 * chance.
 */
export type UseAnswer = { readonly onUse?: (use: Use) => void } | { readonly chance: () => Chance };

/** Makes state machines that are called with these globals replaced. */
export function guarded(machine: StateMachine, answer: UseAnswer = {}): StateMachine {
  const guard = <T>(call: () => T) => withoutGlobals(answer, call);
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

/**
 * Calls a function with the globals replaced; with `isMaking` only clocks and chance, as its surroundings are not
 * looked at.
 */
export function withoutGlobals<T>(answer: UseAnswer, call: () => T, isMaking = false): T {
  const use = (what: string, instead: string): never => {
    if ("onUse" in answer) answer.onUse?.({ what, instead });
    throw new NotDeterministicError({ what, instead });
  };
  return watchCall({ random: "chance" in answer ? answer.chance() : null, isMaking, use }, call);
}
