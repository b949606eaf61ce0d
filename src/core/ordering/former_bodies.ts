/**
 * Bodies of batches that were accepted at a number before another batch was accepted there in a later view.
 *
 * A certificate for such a batch may turn up in any later view-change: whoever collected it may keep it back for as long as it likes. The
 * new view then has that batch at this number, and nobody can go on without the body. So whoever accepted it keeps it: a certificate has
 * q signers, of which at least q - f are correct and had the body, as a prepare is sent by those only who do.
 *
 * **What can be dropped.** A replica drops what it accepted at a number in view u once it has its *own* certificate for the number from a
 * view w > u, or knows that the number is decided. Let C be a certificate for (n, u, d), and say that all its correct signers, q - f or more, have
 * dropped d. Each had prepared at n in a view above u by then; let w be the highest of these views. Take a new view v > w. Its V has
 * view-changes of q - f correct replicas or more, and (q - f) + (q - f) > n - f, because 2q > n + f. So one of the correct signers of C
 * is in V, and shows its certificate from a view above u: O does not have d because of C. In views up to w the missing body can cost no
 * more than the view, for somebody correct has gone as far as w already. A number that is decided is so in a view w: that takes q
 * commits, so q - f correct replicas have a certificate from w, one of them is in each V to come, and nothing below w is chosen. What a
 * stable checkpoint covers is in no O that needs it.
 *
 * **What is left.** The own certificate's batch, and those accepted in views after that in which nothing prepared here. Each is the price
 * of a view that failed. Equal digests count once; the batch of a null request costs nothing, as everybody can make it.
 *
 * **The bound** is {@linkcode mostFormer} = 8 n bodies a number; when there are more, those of the oldest views go. Then the guarantee
 * ends: it takes 8 n views that failed here, each with another batch at this number, and a certificate from before these that nobody has
 * shown since. Timeouts double up to 64 times `viewTimeoutMs`, so that many take over ten minutes with n = 4 and the default
 * settings, and no step of the protocol in between. In bytes: 8 n x `maxBatchBytes` a number at most, in the store and in memory. One
 * failed view adds as much as its primary proposed in it: L x `maxBatchBytes` if it lies, `pipelineDepth` x `maxBatchBytes` if not.
 * @module
 */
import type { Digest } from "../messages/ids.ts";
import type { Slot } from "./message_log.ts";
import type { Batch, PrePrepare } from "../messages/messages.ts";
import type { Step } from "../step.ts";

/** The most former bodies of one number. */
export function mostFormer(n: number): number {
  return 8 * n;
}

/** The body of this digest, if a number has it from whatever view. */
export function bodyOf({ batch, waiting, former }: Slot, digest: Digest): Batch | null {
  if (batch?.digest === digest) return batch;
  if (waiting?.batch?.digest === digest) return waiting.batch;
  return former.get(digest)?.batch ?? null;
}

/** Before `coming` takes the place of the slot's pre-prepare: what that one's body is kept for is not over. */
export function keepFormer(step: Step, slot: Slot, coming: PrePrepare): void {
  const { prePrepare, batch, former, committed } = slot;
  const before = prePrepare?.message;
  if (!before || before.digest === coming.digest || committed !== null) return;
  let hasChanged = former.delete(coming.digest); // it is kept as the accepted one
  if (batch?.digest === before.digest && !isNull(batch)) {
    former.set(before.digest, { view: before.view, batch });
    hasChanged = true;
  }
  while (former.size > mostFormer(step.n)) former.delete(oldest(slot)!);
  if (hasChanged) persist(step, slot);
}

/** A batch of no requests has a body of its own if it names a time, as that of a liar may. */
function isNull({ timestamp, requests }: Batch): boolean {
  return requests.length === 0 && timestamp === 0;
}

/** The number has prepared here in the highest view so far, or is executed: nothing that was accepted before can be chosen any more. */
export function dropFormer(step: Step, slot: Slot): void {
  if (slot.former.size === 0) return;
  slot.former.clear();
  persist(step, slot);
}

/** That of the lowest view; not the own certificate's, which this replica shows in each view-change. */
function oldest({ former, prepared }: Slot): Digest | undefined {
  const own = prepared?.prePrepare.message.digest;
  return [...former].filter(([digest]) => digest !== own).sort(([, a], [, b]) => a.view - b.view)[0]?.[0];
}

function persist(step: Step, { sequence, former }: Slot): void {
  const bodies = [...former].map(([digest, { view }]) => ({ view, digest }));
  step.persist({ kind: "former", sequence, bodies });
}
