/**
 * State machines whose clocks and chance follow from a seed, or are forbidden.
 * @module
 */
import type { StateMachine } from "../../core/state_machine.ts";
import { guarded, type Use, type UseAnswer, withoutGlobals } from "../../guard/forbidden.ts";
import { Random } from "../random.ts";

/** What happens at such a use: it is noted and then an error; or it gives values that follow from a seed. */
export type Handling = { readonly onUse?: (use: Use) => void } | { readonly seed: number };

/** Makes state machines that are called with these globals replaced. */
export function guardMachine(machine: StateMachine, handling: Handling = {}): StateMachine {
  return guarded(machine, "seed" in handling ? drawn(handling.seed) : handling);
}

/** Calls what its author wrote, but no operation. Its clocks and its chance follow from the seed; its surroundings are not looked at. */
export function callSeeded<T>(call: () => T, seed: number): T {
  return withoutGlobals(drawn(seed), call, true);
}

/** Every call is given the same values. */
function drawn(seed: number): UseAnswer {
  return { chance: () => new Random(seed) };
}
