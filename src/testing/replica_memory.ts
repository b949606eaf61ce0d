/**
 * What the checkers remember of one replica.
 * @module
 */
import type { Digest, View } from "../core/ids.ts";
import type { NewView, PrePrepare, Signed } from "../core/messages.ts";

/** What is known of one replica. */
export interface Memory {
  view: number;
  stable: number;
  /** `view/number/digest` of all that it has accepted, prepared; `number/digest` of what it has executed, checkpointed. */
  readonly on: { readonly [kind in "accepted" | "prepared" | "committed" | "checkpoint"]: Set<string> };
  /** By number, the views in which it prepared there. */
  readonly preparedIn: Map<number, Set<number>>;
  /** The views that it has left for, and those that it has entered. */
  readonly left: Set<number>;
  readonly entered: Set<number>;
  /** O of the view that it is in. */
  carried: ReadonlyMap<number, Digest>;
  hasLostDisk: boolean;
  /** The last number that it has ever voted for and the last view that it has left for, whatever became of its disk. */
  highestVote: number;
  highestLeft: number;
  /** The views that it has begun as their primary, whatever became of its disk. */
  readonly begun: Set<number>;
}

/** Of a replica that has said nothing yet, or has lost its disk after `before`. */
export function emptyMemory(before?: Memory): Memory {
  return {
    view: 0,
    stable: 0,
    on: { accepted: new Set(), prepared: new Set(), committed: new Set(), checkpoint: new Set() },
    preparedIn: new Map(),
    left: new Set(),
    entered: new Set(),
    carried: new Map(),
    hasLostDisk: false,
    highestVote: before?.highestVote ?? 0,
    highestLeft: before?.highestLeft ?? 0,
    begun: before?.begun ?? new Set(),
  };
}

/** What a vote is for. */
export type Place = Pick<PrePrepare, "view" | "sequence" | "digest">;

/** As a key. */
export function placeOf({ view, sequence, digest }: Place): string {
  return `${view}/${sequence}/${digest}`;
}

/** It has accepted this. */
export function noteAccepted(memory: Memory, message: Place): void {
  memory.on.accepted.add(placeOf(message));
}

/** It has this prepared. */
export function notePrepared(memory: Memory, message: Place): void {
  memory.on.prepared.add(placeOf(message));
  const views = memory.preparedIn.get(message.sequence) ?? new Set();
  memory.preparedIn.set(message.sequence, views.add(message.view));
}

/** It has left for this view. */
export function leave(memory: Memory, view: View): void {
  memory.left.add(view);
  memory.highestLeft = Math.max(memory.highestLeft, view);
}

/** Its view has started with this. */
export function enter(memory: Memory, { view, prePrepares }: NewView): void {
  memory.entered.add(view);
  memory.carried = new Map(prePrepares.map(({ message }: Signed<PrePrepare>) => [message.sequence, message.digest]));
}
