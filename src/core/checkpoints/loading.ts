/**
 * Reading the state by need. What execution, a query, a checkpoint or a state transfer lacks is asked for, and waited for; meanwhile the
 * replica takes part in everything else. No result depends on what was in memory: a batch is executed, and a checkpoint made, only once
 * all that it touches is there.
 * @module
 */
import type { Digest } from "../messages/ids.ts";
import { invariant } from "../invariant.ts";
import { needsOf } from "../ordering/machine_guard.ts";
import type { ChunkNeed } from "../state_machine.ts";
import type { Load } from "./transfer.ts";
import type { Step } from "../step.ts";

/** Whether these operations can be executed, or answered, now; otherwise what they lack is asked for. */
export function isReadyFor(step: Step, operations: () => readonly Uint8Array[]): boolean {
  const { stateMachine } = step.env;
  const { lazyLoading } = stateMachine;
  return !lazyLoading || haveChunks(step, needsOf(stateMachine, lazyLoading, operations()));
}

/** Whether all these chunks of the state machine are there; otherwise they are asked for. */
export function haveChunks(step: Step, needs: readonly ChunkNeed[]): boolean {
  if (needs.length === 0) return true;
  for (const need of needs) {
    const found = step.state.tree.find("m", need);
    if ("page" in found) ask(step, found.page, { kind: "page" });
    else for (const { id, digest } of found) ask(step, digest, { kind: "chunk", id });
  }
  invariant(step.state.loads.size > 0, "what the state machine needs is in the state");
  return false;
}

/** Whether these pages of the tree are there; otherwise they are asked for. */
export function havePages(step: Step, missing: readonly Digest[]): boolean {
  for (const page of missing) ask(step, page, { kind: "page" });
  return missing.length === 0;
}

/** Asks for something, unless it was. */
export function ask({ state, load }: Step, digest: Digest, what: Load): void {
  if (state.loads.has(digest)) return;
  state.loads.set(digest, what);
  load(digest);
}
