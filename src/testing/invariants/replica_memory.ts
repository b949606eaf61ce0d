/**
 * What the checkers remember of one replica.
 * @module
 */
import type { Event } from "../../core/events.ts";
import type { Digest, View } from "../../core/messages/ids.ts";
import type { NewView, PrePrepare, Signed } from "../../core/messages/messages.ts";
import type { Recovered } from "../../core/records.ts";

/** What is known of one replica. */
export interface Memory {
  view: number;
  stable: number;
  /** `view/number/digest` of all that it has accepted, prepared; `number/digest` of what it has executed, checkpointed. */
  readonly on: { readonly [kind in "accepted" | "prepared" | "committed" | "checkpoint"]: Set<string> };
  /** By number, the views in which it prepared there. */
  readonly preparedIn: Map<number, Set<number>>;
  /** By number, the last view in which each digest was accepted whose body must still be there. */
  readonly owed: Map<number, Map<Digest, number>>;
  /** The numbers that it has said are decided: no body is owed for them but the decided one, which anybody has who executes it. */
  readonly decided: Set<number>;
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
    owed: new Map(),
    decided: new Set(),
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
  if (message.sequence <= memory.stable || memory.decided.has(message.sequence)) return;
  const owed = memory.owed.get(message.sequence) ?? new Map<Digest, number>();
  memory.owed.set(message.sequence, owed);
  owed.set(message.digest, Math.max(message.view, owed.get(message.digest) ?? 0));
}

/** It has this prepared. */
export function notePrepared(memory: Memory, message: Place): void {
  memory.on.prepared.add(placeOf(message));
  const views = memory.preparedIn.get(message.sequence) ?? new Set();
  memory.preparedIn.set(message.sequence, views.add(message.view));
  const owed = memory.owed.get(message.sequence) ?? new Map<Digest, number>();
  for (const [digest, view] of owed) if (view < message.view) owed.delete(digest);
}

/** It says what it has decided: nothing else can be chosen there in any view to come, whether it has executed that yet or not. */
export function noteDecided(memory: Memory, events: readonly Event[]): void {
  for (const event of events) {
    if (event.kind !== "stage" || event.stage !== "committed") continue;
    memory.decided.add(event.sequence);
    memory.owed.delete(event.sequence);
  }
}

/** It has executed this: nothing else can be decided there. */
export function noteExecuted(memory: Memory, { sequence, digest }: Pick<Place, "sequence" | "digest">): void {
  memory.on.committed.add(`${sequence}/${digest}`);
  const owed = memory.owed.get(sequence) ?? new Map<Digest, number>();
  for (const other of owed.keys()) if (other !== digest) owed.delete(other);
}

/** Its last stable checkpoint is here. */
export function noteStable(memory: Memory, stable: number): void {
  memory.stable = stable;
  for (const byNumber of [memory.preparedIn, memory.owed, memory.decided]) {
    for (const sequence of [...byNumber.keys()]) if (sequence <= stable) byNumber.delete(sequence);
  }
}

/** It was read from its store: what of this was not let out before counts as well. The bodies are owed by what was let out. */
export function noteRestored(memory: Memory, { accepted, prepared, committed, checkpoint, stable }: Recovered): void {
  for (const { prePrepare } of [...accepted, ...prepared]) memory.on.accepted.add(placeOf(prePrepare.message));
  for (const { prePrepare } of prepared) notePrepared(memory, prePrepare.message);
  for (const { sequence, batch } of committed) noteExecuted(memory, { sequence, digest: batch.digest });
  if (checkpoint) memory.on.checkpoint.add(`${checkpoint.sequence}/${checkpoint.root}`);
  memory.decided.clear(); // it may have to hear of that again
  noteStable(memory, Math.max(memory.stable, stable[0]?.message.sequence ?? 0));
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
