/**
 * What clocks and chance make of a machine: the same call at two replicas.
 * @module
 */
import type { StateMachine } from "../../core/state_machine.ts";
import type { Call } from "../world/observed_core.ts";
import { differenceOf, differentChunk, stateDifferenceOf, textOfChunk } from "./difference.ts";
import type { MachineFinding } from "./fault.ts";
import { callSeeded, guardMachine } from "./guard.ts";
import { ask, type Chunks, restore, take } from "./trial.ts";

/** A call of a machine in a state. `call`: `null` if it has only been made. */
export interface Scene {
  readonly create: () => StateMachine;
  readonly method: "execute" | "query";
  readonly call: Call | null;
  readonly before: Chunks;
}

/** Shows what a machine does with two clocks and two kinds of luck. */
export function demonstrate(scene: Scene): Pick<MachineFinding, "said" | "at"> {
  const [a, b] = [play(scene, 1), play(scene, 2)];
  const inAnswer = differenceOf(a.answer?.value ?? undefined, b.answer?.value ?? undefined);
  if (inAnswer !== null) return { said: saying("say", a.answer!.text, b.answer!.text), at: inAnswer };
  const id = differentChunk(a.chunks, b.chunks);
  if (id === null) return { said: [], at: null };
  const said = saying("keep", textOfChunk(a.chunks, id), textOfChunk(b.chunks, id));
  return { said, at: `state ${stateDifferenceOf(a.chunks.get(id), b.chunks.get(id))}` };
}

function play({ create, method, call, before }: Scene, seed: number) {
  const machine = guardMachine(callSeeded(create, seed), { seed });
  if (before.size > 0) restore(machine, before);
  const answer = call && ask(machine, method, call);
  return { answer, chunks: take(machine, before) };
}

function saying(verb: string, one: string, other: string): MachineFinding["said"] {
  return [[`one replica would ${verb}`, one], ["another one", other]];
}
