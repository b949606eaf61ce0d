/**
 * The numbers that a replica gives its own statuses and fetches. They grow across its restarts, whatever its clock
 * says. For this the replica stores an upper bound on the used numbers, a block at a time, before it uses any number of
 * the block.
 * @module
 */
import type { ReplicaId } from "../messages/ids.ts";
import type { Numbering } from "../state.ts";
import type { Step } from "../step.ts";

/** How many numbers are reserved at once. */
const BLOCK = 1_024;

/** Continues above the stored bound of earlier runs, if there is one. */
export function createNumbering(through: number | undefined): Numbering {
  return { next: through === undefined ? 0 : through + 1, through: through ?? 0, seen: new Map() };
}

/** The number for the next status or fetch. */
export function nextNumber(step: Step): number {
  const { numbering } = step.state;
  // Without a stored bound the numbers begin at the clock, above all that can have been used. If the clock was set
  // back, the others correct this (noteSeen).
  if (numbering.next === 0) numbering.next = Math.max(1, step.now);
  if (numbering.next > numbering.through) reserve(step);
  return numbering.next++;
}

/**
 * Leaves the rest of the reserved block out. For a replica that is behind, or asks at its start, and that nobody helps: a
 * later instance on the same store, which may have ended since, has higher numbers, so the others take this one's statuses for
 * repeated ones. Then the commit of the new bound fails, because the store has moved on, and the replica is read anew.
 */
export function skipBlock(step: Step): void {
  const { numbering } = step.state;
  if (numbering.next === 0) return;
  numbering.next = numbering.through + 1;
  reserve(step);
}

/**
 * Whether this replica asks at its start, and a peer has received a higher number of it than the next one. That peer's answer does not
 * count then. Its number is not taken over, as one peer may lie.
 */
export function isToldOfHigher({ state: { asking, numbering } }: Step): boolean {
  return asking !== null && [...numbering.seen.values()].some((number) => number >= numbering.next);
}

function reserve(step: Step): void {
  const { numbering } = step.state;
  numbering.through = numbering.next + BLOCK;
  step.persist({ kind: "numbers", through: numbering.through });
}

/**
 * For a replica that lost its disk or may run on an old copy: a peer says which own number it has received. Once f + 1
 * peers, so at least one correct one, have received a number as high, this replica continues above it.
 */
export function noteSeen(step: Step, peer: ReplicaId, number: number): void {
  const { numbering } = step.state;
  if (step.mayVote || !(number >= numbering.next)) return;
  numbering.seen.set(peer, number);
  const highest = [...numbering.seen.values()].sort((a, b) => b - a)[step.f] ?? 0;
  if (highest < numbering.next) return;
  numbering.next = highest + 1;
  if (numbering.next > numbering.through) reserve(step);
}
