/**
 * Reading the state by need. What execution, a query, a checkpoint or a state transfer lacks is asked for, and waited for; meanwhile the
 * replica takes part in everything else. No result depends on what was in memory: a batch is executed, and a checkpoint made, only once
 * all that it touches is there.
 * @module
 */
import { executeCommitted } from "../ordering/execution.ts";
import type { Digest } from "../messages/ids.ts";
import { invariant } from "../invariant.ts";
import { guarded, needsOf } from "../ordering/machine_guard.ts";
import type { ChunkNeed, LoadedChunk } from "../state_machine.ts";
import type { Step } from "../state.ts";
import { readChunk, readPage } from "../tree/state_tree.ts";
import { continueTransfer, onStoredBlob } from "./state_transfer.ts";

/** What a digest that was asked for is: a page of the tree, the state machine's chunk with this id, or what a transfer fetched before. */
export type Load =
  | { readonly kind: "page" }
  | { readonly kind: "fetched" }
  | { readonly kind: "chunk"; readonly id: string };

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

/** What was asked for comes, each blob checked against its digest. What nobody waits for any more is ignored. */
export function onLoaded(step: Step, blobs: ReadonlyMap<Digest, Uint8Array>): void {
  const { state, env } = step;
  const chunks: LoadedChunk[] = [];
  // A checkpoint that is being made has another list of chunks than the tree has yet; after a transfer all is other.
  const isCurrent = !state.sealing && !state.transfer;
  for (const [digest, bytes] of blobs) {
    const what = state.loads.get(digest);
    if (!what) continue;
    state.loads.delete(digest);
    if (what.kind === "page") state.tree.load(digest, readPage(env.unpack(bytes)));
    else if (what.kind === "fetched") onStoredBlob(step, { digest, bytes });
    else if (isCurrent) chunks.push(...located(step, what.id, digest, bytes));
  }
  const { stateMachine } = env;
  guarded(stateMachine, "lazyLoading.load", () => stateMachine.lazyLoading?.load(chunks));
  if (state.transfer) continueTransfer(step);
  executeCommitted(step);
}

/** The chunk and its neighbours as they are now; none: it is another one since. */
function located({ state, env }: Step, id: string, digest: Digest, bytes: Uint8Array): readonly LoadedChunk[] {
  const found = state.tree.find("m", { at: id });
  const chunk = "page" in found ? undefined : found[0];
  if (chunk?.id !== id || chunk.digest !== digest) return [];
  return [{ id, chunk: readChunk(env.unpack(bytes))[1], isFirst: chunk.isFirst, next: chunk.next }];
}
