/**
 * The numbers of a replica's own statuses and fetches. They grow over its restarts, whatever its clock says: before a number is used it is
 * noted durably that it may have been, for many at once.
 * @module
 */
import type { ReplicaId } from "../messages/ids.ts";
import type { Step } from "../state.ts";

/** Which numbers were used. */
export interface Numbering {
  /** The next; 0: none was used yet. */
  next: number;
  /** None above was used, in this life of the replica or before. */
  through: number;
  /** What others say that they have seen, while this replica does not know what it has used. */
  readonly seen: Map<ReplicaId, number>;
}

/** So many are noted at once. */
const BLOCK = 1_024;

/** Goes on above what an earlier life may have used. */
export function createNumbering(through: number | undefined): Numbering {
  return { next: through === undefined ? 0 : through + 1, through: through ?? 0, seen: new Map() };
}

/** A number for the next status or fetch. */
export function nextNumber(step: Step): number {
  const { numbering } = step.state;
  // Without a memory it begins with the clock, above all that it can have used; if that was set back, the others will say so.
  if (numbering.next === 0) numbering.next = Math.max(1, step.now);
  if (numbering.next > numbering.through) reserve(step);
  return numbering.next++;
}

function reserve(step: Step): void {
  const { numbering } = step.state;
  numbering.through = numbering.next + BLOCK;
  step.persist({ kind: "numbers", through: numbering.through });
}

/** As one that has lost its disk, or may have an old copy of it: f + 1 others, one of them correct, have seen numbers as high as this. */
export function noteSeen(step: Step, peer: ReplicaId, number: number): void {
  const { numbering } = step.state;
  if (step.mayVote || !(number >= numbering.next)) return;
  numbering.seen.set(peer, number);
  const highest = [...numbering.seen.values()].sort((a, b) => b - a)[step.f] ?? 0;
  if (highest < numbering.next) return;
  numbering.next = highest + 1;
  if (numbering.next > numbering.through) reserve(step);
}
