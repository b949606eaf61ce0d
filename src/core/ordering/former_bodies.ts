/**
 * Former bodies: bodies of batches accepted at a number before another batch was accepted there in a later view.
 *
 * A prepared certificate for such a batch may turn up in any later view-change, because a replica that has collected it
 * may withhold it for as long as it likes. The new view then orders that batch at this number, and no replica can
 * execute it without the body. So every replica that accepted the batch keeps its body. A certificate has q signers; at
 * least q - f of them are correct and had the body, because a correct replica sends a prepare only if it has the body.
 *
 * **When a body can be dropped.** A replica drops what it accepted at a number in view u as soon as it has its *own*
 * certificate for the number from a view w > u, or knows that the number is decided. This is safe. Let C be a
 * certificate for (n, u, d), and suppose that all its correct signers, q - f or more, have dropped d. By then each had
 * prepared at n in a view above u; let w be the highest of these views. Take any new view v > w. Its V has view-changes
 * of at least q - f correct replicas, and (q - f) + (q - f) > n - f, because 2q > n + f. So one of the correct signers
 * of C is in V and shows its certificate from a view above u; hence O does not have d because of C. In views up to w
 * the missing body can cost no more than the view, because a correct replica has already gone as far as w. A decided
 * number was decided in some view w by q commits. So q - f correct replicas have a certificate from w, one of them is
 * in every later V, and no batch from a view below w is chosen. A number at or below a stable checkpoint needs no body
 * in any O.
 *
 * **Kept bodies.** The batch of the replica's own certificate, and the batches accepted in later views in which
 * nothing prepared here. Each of these comes from a view that failed. Equal digests count once. A null request is not
 * kept, because every replica can make its batch.
 *
 * **The bound** is {@linkcode mostFormer} = 8 n bodies per number. Beyond it the bodies of the oldest views are
 * dropped, and the guarantee ends. That takes 8 n views that failed here, each with another batch at this number, and a
 * certificate from before them that nobody has shown since. Timeouts double up to 64 times `viewTimeoutMs`, so with n =
 * 4 and the default settings this takes over ten minutes without progress. In bytes: at most 8 n x `maxBatchBytes` per
 * number, in the store and in memory. One failed view adds what its primary proposed in it: up to L x `maxBatchBytes`
 * if it lies, `pipelineDepth` x `maxBatchBytes` if not.
 * @module
 */
import type { Digest } from "../messages/ids.ts";
import type { Slot } from "./message_log.ts";
import type { Batch, PrePrepare } from "../messages/messages.ts";
import type { Step } from "../step.ts";

/** The most former bodies kept per number. */
export function mostFormer(n: number): number {
  return 8 * n;
}

/** The body with this digest, if the slot has it from any view. */
export function bodyOf({ batch, waiting, former }: Slot, digest: Digest): Batch | null {
  if (batch?.digest === digest) return batch;
  if (waiting?.batch?.digest === digest) return waiting.batch;
  return former.get(digest)?.batch ?? null;
}

/** Called before the pre-prepare `coming` replaces the accepted one: keeps the body of the accepted one. */
export function keepFormer(step: Step, slot: Slot, coming: PrePrepare): void {
  const { prePrepare, batch, former, committed } = slot;
  const before = prePrepare?.message;
  if (!before || before.digest === coming.digest || committed !== null) return;
  let hasChanged = former.delete(coming.digest); // from now on it is kept as the accepted body
  if (batch?.digest === before.digest && !isNull(batch)) {
    former.set(before.digest, { view: before.view, batch });
    hasChanged = true;
  }
  while (former.size > mostFormer(step.n)) former.delete(oldest(slot)!);
  if (hasChanged) persist(step, slot);
}

/**
 * Whether a batch is that of a null request. A batch without requests but with a timestamp, as a liar may propose, has
 * a body of its own.
 */
function isNull({ timestamp, requests }: Batch): boolean {
  return requests.length === 0 && timestamp === 0;
}

/**
 * Drops the former bodies of a number: it has prepared here in the highest view so far, or is executed, so no batch
 * accepted earlier can be chosen any more.
 */
export function dropFormer(step: Step, slot: Slot): void {
  if (slot.former.size === 0) return;
  slot.former.clear();
  persist(step, slot);
}

/**
 * The former body of the lowest view, except that of the own certificate, which this replica shows in each view-change.
 */
function oldest({ former, prepared }: Slot): Digest | undefined {
  const own = prepared?.prePrepare.message.digest;
  return [...former].filter(([digest]) => digest !== own).sort(([, a], [, b]) => a.view - b.view)[0]?.[0];
}

function persist(step: Step, { sequence, former }: Slot): void {
  const bodies = [...former].map(([digest, { view }]) => ({ view, digest }));
  step.persist({ kind: "former", sequence, bodies });
}
