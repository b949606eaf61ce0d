/**
 * Batch bodies of which only the digest is known. {@linkcode fetchMissing} fetches them.
 * @module
 */
import type { Digest, ReplicaId } from "../messages/ids.ts";
import type { Slot } from "./message_log.ts";
import type { Step } from "../step.ts";

/** A missing body, and the number that needs it. */
export interface MissingBody {
  readonly slot: Slot;
  readonly digest: Digest;
}

/** Marks a body as missing, so that it is fetched. */
export function askForBody({ state: { bodies, fetches } }: Step, digest: Digest): void {
  if (bodies.has(digest)) return;
  bodies.add(digest);
  fetches.hasNews = true;
}

/**
 * The missing bodies, by ascending number: those to vote for, and those to execute. Forgets bodies that are not missing
 * any more.
 */
export function missingBodies(
  { state }: Step,
): { readonly toVote: readonly MissingBody[]; readonly toExecute: readonly MissingBody[] } {
  const { bodies, log, lastExecuted } = state;
  const toVote: MissingBody[] = [];
  const toExecute: MissingBody[] = [];
  if (bodies.size === 0) return { toVote, toExecute };
  for (let n = Math.max(lastExecuted, log.low) + 1; n <= log.highest(); n++) {
    const slot = log.find(n);
    if (!slot) continue;
    const { waiting, committed, batch } = slot;
    if (waiting && !waiting.batch) toVote.push({ slot, digest: waiting.prePrepare.message.digest });
    if (committed !== null && batch?.digest !== committed) toExecute.push({ slot, digest: committed });
  }
  bodies.clear();
  for (const { digest } of [...toVote, ...toExecute]) bodies.add(digest);
  return { toVote, toExecute };
}

/**
 * The replicas whose messages show that they have this batch. Empty if the number is decided, because then more
 * replicas have it than have said so.
 */
export function holdersOf({ state, self }: Step, { slot, digest }: MissingBody): ReadonlySet<ReplicaId> {
  if (slot.committed === digest) return new Set();
  const votes = [...slot.prepares.values(), ...slot.commits.values()];
  const holders = new Set(
    votes.filter(({ message }) => message.digest === digest).map(({ message }) => message.replica),
  );
  if (slot.waiting && !slot.waiting.carried) holders.add(slot.waiting.prePrepare.message.replica);
  for (const { message } of state.newView?.message.viewChanges ?? []) {
    const certificate = message.prepared.find(({ prePrepare }) => prePrepare.message.sequence === slot.sequence);
    if (certificate?.prePrepare.message.digest === digest) holders.add(message.replica);
  }
  holders.delete(self);
  return holders;
}
