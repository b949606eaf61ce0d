/**
 * The memory of the checkers about one replica.
 * @module
 */
import type { ReplicaEvent } from "../../core/events.ts";
import type { Digest, View } from "../../core/messages/ids.ts";
import type { NewView, PrePrepare, Signed } from "../../core/messages/messages.ts";
import type { StoredState } from "../../core/records.ts";

/** The facts about one replica. */
export interface Memory {
  view: number;
  stable: number;
  /** Keys `view/number/digest` of what it has accepted and prepared; `number/digest` of what it has executed and of its checkpoints. */
  readonly on: { readonly [kind in "accepted" | "prepared" | "committed" | "checkpoint"]: Set<string> };
  /** By number: the views in which it prepared there. */
  readonly preparedIn: Map<number, Set<number>>;
  /** By number: the digests whose bodies must still be there, each with the last view in which it was accepted. */
  readonly owed: Map<number, Map<Digest, number>>;
  /**
   * The numbers that it has announced as decided. Only the decided body is owed for these, and every replica that
   * executes it has it.
   */
  readonly decided: Set<number>;
  /** The views that it has left for, and those that it has entered. */
  readonly left: Set<number>;
  readonly entered: Set<number>;
  /** O of the new-view that it is in. */
  carried: ReadonlyMap<number, Digest>;
  recovering: boolean;
  /** The challenges of its recovery. */
  readonly challenges: Set<number>;
  /** Those of its recoveries that have ended. */
  readonly recovered: Set<number>;
  /** Its disk was once replaced by an older copy. */
  isOld: boolean;
  /** The highest number that it has ever voted for and the highest view that it has left for, over all losses of its disk. */
  highestVote: number;
  highestLeft: number;
  /** The views that it has started as their primary, over all losses of its disk. */
  readonly begun: Set<number>;
}

/** The memory of a replica that has sent nothing yet, or has lost its disk after `before`. */
export function emptyMemory(before?: Memory): Memory {
  return {
    view: 0,
    stable: 0,
    on: { accepted: new Set(), prepared: new Set(), committed: new Set(), checkpoint: new Set() },
    preparedIn: new Map(),
    owed: new Map(),
    decided: new Set(),
    left: new Set(),
    entered: new Set(),
    carried: new Map(),
    recovering: false,
    challenges: new Set(),
    recovered: before?.recovered ?? new Set(),
    isOld: before?.isOld ?? false,
    highestVote: before?.highestVote ?? 0,
    highestLeft: before?.highestLeft ?? 0,
    begun: before?.begun ?? new Set(),
  };
}

/** The place of a vote. */
export type Place = Pick<PrePrepare, "view" | "sequence" | "digest">;

/** A place as a key. */
export function placeOf({ view, sequence, digest }: Place): string {
  return `${view}/${sequence}/${digest}`;
}

/** It has accepted this batch. */
export function noteAccepted(memory: Memory, message: Place): void {
  memory.on.accepted.add(placeOf(message));
  if (message.sequence <= memory.stable || memory.decided.has(message.sequence)) return;
  const owed = memory.owed.get(message.sequence) ?? new Map<Digest, number>();
  memory.owed.set(message.sequence, owed);
  owed.set(message.digest, Math.max(message.view, owed.get(message.digest) ?? 0));
}

/** It has this batch prepared. */
export function notePrepared(memory: Memory, message: Place): void {
  memory.on.prepared.add(placeOf(message));
  const views = memory.preparedIn.get(message.sequence) ?? new Set();
  memory.preparedIn.set(message.sequence, views.add(message.view));
  const owed = memory.owed.get(message.sequence) ?? new Map<Digest, number>();
  for (const [digest, view] of owed) if (view < message.view) owed.delete(digest);
}

/** It announces that the batch is decided. No later view can choose another one there, whether it has executed the batch yet or not. */
export function noteDecided(memory: Memory, events: readonly ReplicaEvent[]): void {
  for (const event of events) {
    if (event.kind !== "stage" || event.stage !== "committed") continue;
    memory.decided.add(event.sequence);
    memory.owed.delete(event.sequence);
  }
}

/** It has executed this batch, so no other can be decided there. */
export function noteExecuted(memory: Memory, { sequence, digest }: Pick<Place, "sequence" | "digest">): void {
  memory.on.committed.add(`${sequence}/${digest}`);
  const owed = memory.owed.get(sequence) ?? new Map<Digest, number>();
  for (const other of owed.keys()) if (other !== digest) owed.delete(other);
}

/** Its last stable checkpoint has this number. */
export function noteStable(memory: Memory, stable: number): void {
  memory.stable = stable;
  for (const byNumber of [memory.preparedIn, memory.owed, memory.decided]) {
    for (const sequence of [...byNumber.keys()]) if (sequence <= stable) byNumber.delete(sequence);
  }
}

/** It was read from its store. Records count even if nothing of them was sent before. Bodies are owed only for messages that were sent. */
export function noteRestored(memory: Memory, { accepted, prepared, committed, checkpoint, stable }: StoredState): void {
  for (const { prePrepare } of [...accepted, ...prepared]) memory.on.accepted.add(placeOf(prePrepare.message));
  for (const { prePrepare } of prepared) notePrepared(memory, prePrepare.message);
  for (const { sequence, batch } of committed) noteExecuted(memory, { sequence, digest: batch.digest });
  if (checkpoint) memory.on.checkpoint.add(`${checkpoint.sequence}/${checkpoint.root}`);
  memory.decided.clear(); // it may have to hear of these decisions again
  noteStable(memory, Math.max(memory.stable, stable[0]?.message.sequence ?? 0));
}

/** It has left for this view. */
export function leave(memory: Memory, view: View): void {
  memory.left.add(view);
  memory.highestLeft = Math.max(memory.highestLeft, view);
}

/** Its view has started with this new-view. */
export function enter(memory: Memory, { view, prePrepares }: NewView): void {
  memory.entered.add(view);
  memory.carried = new Map(prePrepares.map(({ message }: Signed<PrePrepare>) => [message.sequence, message.digest]));
}
