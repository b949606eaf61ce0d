/**
 * Finds the operation that makes equal replicas differ. One state machine runs straight through. Another one is rebuilt
 * from its chunks before each operation, as in a replica that restarts or catches up.
 * @module
 */
import type { Millis } from "../core/messages/ids.ts";
import type { StateMachine } from "../core/state_machine.ts";
import { EPOCH_MS } from "./world/clock.ts";
import { type Call, shown } from "./world/observed_core.ts";

type Chunks = Map<string, Uint8Array>;

/** Says which of these operations is not deterministic; `null`: none was found. */
export function findDivergence(create: () => StateMachine, calls: readonly Call[]): string | null {
  const straight = create();
  const state: Chunks = new Map();
  let rebuiltState: Chunks = new Map();
  for (const call of calls) {
    const rebuilt = create();
    if (rebuiltState.size > 0) rebuilt.restore(rebuiltState);
    const [result, other] = [outcomeOf(straight, call), outcomeOf(rebuilt, call)];
    const name = `${shown(call.operation)} of ${call.client} in batch ${call.sequence}`;
    if (result !== other) return `${name} gives ${result}, and ${other} on a machine rebuilt from its chunks`;
    take(straight, state);
    rebuiltState = new Map(rebuiltState);
    take(rebuilt, rebuiltState);
    const chunk = firstDifference(state, rebuiltState);
    if (chunk !== null) {
      const [ours, theirs] = [state.get(chunk), rebuiltState.get(chunk)].map((bytes) =>
        bytes ? shown(bytes) : "nothing"
      );
      return `after ${name} chunk "${chunk}" is ${ours}, and ${theirs} on a machine rebuilt from its chunks`;
    }
  }
  return null;
}

function outcomeOf(machine: StateMachine, { sequence, client, operation }: Call): string {
  try {
    return shown(machine.execute(operation, { sequence, client, timestamp: (EPOCH_MS + sequence) as Millis }));
  } catch (error) {
    return `rejected: ${error instanceof Error ? error.message : error}`;
  }
}

function take(machine: StateMachine, chunks: Chunks): void {
  for (const [id, chunk] of machine.takeChanges()) {
    if (chunk === null) chunks.delete(id);
    else chunks.set(id, chunk.slice());
  }
}

function firstDifference(a: Chunks, b: Chunks): string | null {
  for (const id of new Set([...a.keys(), ...b.keys()])) {
    const [x, y] = [a.get(id), b.get(id)];
    if (!x || !y || x.length !== y.length || x.some((byte, i) => byte !== y[i])) return id;
  }
  return null;
}
