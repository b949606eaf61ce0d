/**
 * A machine that needs its whole state in memory, made of one that does not.
 * @module
 */
import type { StateMachine } from "../../core/state_machine.ts";
import { wrap } from "../../core/wrap.ts";

/** The same machine without lazy loading, and without slices of a checkpoint: it does everything at once. */
export function loadedWhole(machine: StateMachine): StateMachine {
  return wrap(machine, { lazyLoading: undefined, freezeChanges: undefined });
}
