/**
 * Whom a replica asks for a state, in order.
 * @module
 */
import { type Millis, type ReplicaId, replicaId } from "./ids.ts";
import type { Step } from "./state.ts";

/** What is known of those who may be asked. */
export interface Sources {
  /** How often each has failed. */
  readonly failures: ReadonlyMap<ReplicaId, number>;
  /** Of those of whom nothing else is known, who comes first. */
  readonly turn: number;
}

/** All others. */
export function peersOf(step: Step): readonly ReplicaId[] {
  return step.env.genesis.replicas.map((_, index) => replicaId(index)).filter((peer) => peer !== step.self);
}

/** All others: first who failed the least, then who was heard last. */
export function sourcesOf(step: Step, { failures, turn }: Sources): readonly ReplicaId[] {
  const { heardAt } = step.state.status;
  const n = step.env.genesis.replicas.length;
  return peersOf(step).toSorted((a, b) =>
    (failures.get(a) ?? 0) - (failures.get(b) ?? 0) ||
    (heardAt.get(b) ?? 0) - (heardAt.get(a) ?? 0) ||
    (a + turn) % n - (b + turn) % n
  );
}

/**
 * Whose turn it is at a host that is started anew for what comes: it remembers no failures, and might ask a dead peer first for ever. It
 * changes with each second, in no step with any clock that starts the host.
 */
export function turnAt(now: Millis): number {
  const mixed = Math.imul(Math.floor(now / 1_000) | 0, 0x9e3779b1);
  return Math.imul(mixed ^ (mixed >>> 15), 0x85ebca6b) >>> 16;
}
