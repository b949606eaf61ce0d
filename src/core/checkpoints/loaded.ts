/**
 * Handles blobs that were read from the store, and continues the work that waited for them.
 * @module
 */
import { executeCommitted } from "../ordering/execution.ts";
import type { Digest } from "../messages/ids.ts";
import { guarded } from "../ordering/machine_guard.ts";
import type { LoadedChunk } from "../state_machine.ts";
import { readChunk, readPage } from "../tree/state_tree.ts";
import { retrySealing } from "../sealing/sealing.ts";
import { continueTransfer, onStoredBlob } from "./state_transfer.ts";
import type { Step } from "../step.ts";

/**
 * Requested blobs arrive from the store, each checked against its digest. Blobs that nothing waits for any more are
 * ignored.
 */
export function onLoaded(step: Step, blobs: ReadonlyMap<Digest, Uint8Array>): void {
  const { state, env } = step;
  const chunks: LoadedChunk[] = [];
  // A checkpoint that blocks has other chunks than the tree has yet; a transfer replaces them all. A checkpoint in slices
  // changes in the tree only chunks that are in memory, but these may be the neighbours of the loaded ones: see LoadedChunk.
  const isCurrent = !state.sealing?.blocks && !state.transfer;
  for (const [digest, bytes] of blobs) {
    const what = state.loads.get(digest);
    if (!what) continue;
    state.loads.delete(digest);
    if (what.kind === "page") state.tree.load(digest, readPage(env.unpack(bytes)));
    else if (what.kind === "fetched") onStoredBlob(step, { digest, bytes });
    else if (what.kind === "former") state.sealing?.migrating?.loaded.set(digest, bytes);
    else if (isCurrent) chunks.push(...located(step, what.id, digest, bytes));
  }
  const { stateMachine } = env;
  guarded(stateMachine, "lazyLoading.load", () => stateMachine.lazyLoading?.load(chunks));
  retrySealing(step);
  if (state.transfer) continueTransfer(step);
  executeCommitted(step);
}

/** The chunk with its present place in the tree; none if another chunk has that id by now. */
function located({ state, env }: Step, id: string, digest: Digest, bytes: Uint8Array): readonly LoadedChunk[] {
  const found = state.tree.find("m", { at: id });
  const chunk = "page" in found ? undefined : found[0];
  if (chunk?.id !== id || chunk.digest !== digest) return [];
  return [{ id, chunk: readChunk(env.unpack(bytes))[1], isFirst: chunk.isFirst, next: chunk.next }];
}
