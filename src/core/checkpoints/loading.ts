/**
 * Lazy loading of the state. If execution, a query, a checkpoint or a state transfer needs a part of the state that is
 * not in memory, the replica requests it from the store and waits; meanwhile it takes part in everything else. No
 * result depends on the chunks in memory: a batch is executed, and a checkpoint taken, only when all that it touches is
 * loaded.
 * @module
 */
import type { Digest } from "../messages/ids.ts";
import { invariant } from "../invariant.ts";
import { needsOf } from "../ordering/machine_guard.ts";
import type { ChunkNeed } from "../state_machine.ts";
import type { Load } from "./transfer.ts";
import type { Step } from "../step.ts";

/** Whether these operations can be executed now. If not, requests the chunks that they need. */
export function isReadyFor(step: Step, operations: () => readonly Uint8Array[]): boolean {
  const { stateMachine } = step.env;
  const { lazyLoading } = stateMachine;
  return !lazyLoading || haveChunks(step, needsOf(stateMachine, lazyLoading, operations()));
}

/** The blobs without which these operations can't be answered now. They are requested. */
export function missingFor(step: Step, operations: () => readonly Uint8Array[]): readonly Digest[] {
  const { stateMachine } = step.env;
  const { lazyLoading } = stateMachine;
  return lazyLoading ? missingChunks(step, needsOf(stateMachine, lazyLoading, operations())) : [];
}

/** Whether all these chunks of the state machine are loaded. If not, requests them. */
export function haveChunks(step: Step, needs: readonly ChunkNeed[]): boolean {
  if (needs.length === 0) return true;
  missingChunks(step, needs);
  invariant(step.state.loads.size > 0, "loading", "what the state machine needs is in the state");
  return false;
}

/** The blobs to load for these chunks of the state machine. They are requested. */
export function missingChunks(step: Step, needs: readonly ChunkNeed[]): readonly Digest[] {
  const missing = new Set<Digest>();
  for (const need of needs) {
    const found = step.state.tree.find("m", need);
    if ("page" in found) {
      missing.add(found.page);
      ask(step, found.page, { kind: "page" });
    } else {
      for (const { id, digest } of found) {
        missing.add(digest);
        ask(step, digest, { kind: "chunk", id });
      }
    }
  }
  return [...missing];
}

/** Whether no page is missing. Otherwise requests the missing ones. */
export function havePages(step: Step, missing: readonly Digest[]): boolean {
  for (const page of missing) ask(step, page, { kind: "page" });
  return missing.length === 0;
}

/** Requests a blob from the store, unless it was requested already. */
export function ask({ state, load }: Step, digest: Digest, what: Load): void {
  if (state.loads.has(digest)) return;
  state.loads.set(digest, what);
  load(digest);
}
