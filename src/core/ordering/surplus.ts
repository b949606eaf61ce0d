/**
 * Votes that decide nothing any more: their number has prepared, or is decided, with the same digest in the same view.
 * A quorum is n - f votes, but all n come, so f of each kind are surplus. A signature check costs more than all else
 * that is done with a vote, so the host may leave them unverified (see surplus_votes.ts in the node).
 *
 * Why a quorum loses nothing: a certificate is fixed once it is complete. A later vote of the same view with the same
 * digest neither enters it nor changes what follows from it.
 *
 * A vote that differs is never surplus, whatever has been decided: together with another vote of its sender it may be
 * evidence. Neither is a vote of another view: after a view change the same number may be agreed on again, and
 * needs a new quorum.
 * @module
 */
import type { Commit, Prepare } from "../messages/messages.ts";
import { primaryOf } from "../messages/quorum.ts";
import type { ReplicaState } from "../state.ts";
import type { Slot } from "./message_log.ts";

/** Whether a vote decides nothing any more, if its signature is valid. */
export function isSurplus({ log, view }: ReplicaState, n: number, self: number, vote: Prepare | Commit): boolean {
  const { kind, replica, sequence } = vote;
  const slot = log.find(sequence);
  // Returned votes of this replica itself may show that its store is an old copy.
  if (!slot || replica === self) return false;
  if (kind === "prepare" && (vote.view !== view || replica === primaryOf(view, n))) return false;
  const decided = kind === "prepare" ? slot.prepared?.prePrepare.message : decisionOf(slot);
  if (decided?.view !== vote.view || decided.digest !== vote.digest) return false;
  const known = (kind === "prepare" ? slot.prepares : slot.commits).get(replica)?.message;
  return known?.view !== vote.view || known.digest === vote.digest;
}

function decisionOf({ committed, decision }: Slot): Commit | undefined {
  return committed === null ? undefined : decision[0]?.message;
}
