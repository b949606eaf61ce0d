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
 *
 * The proof of a decision is surplus where its number is decided, or behind the low watermark. The core uses it for nothing else, and to
 * verify it takes a quorum of signatures. A replica that is behind is sent each proof by all others, and again with its next statuses: if it
 * verified them all, its own votes and those of the others would wait behind them.
 * @module
 */
import type { Commit, Decision, Prepare } from "../messages/messages.ts";
import { primaryOf } from "../messages/quorum.ts";
import type { ReplicaState } from "../state.ts";
import type { MessageLog, Slot } from "./message_log.ts";

/** Whether a vote, or a proof of a decision, decides nothing any more, if its signature is valid. */
export function isSurplus(state: ReplicaState, n: number, self: number, vote: Prepare | Commit | Decision): boolean {
  const { log, view } = state;
  if (vote.kind === "decision") return isKnown(log, vote);
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

function isKnown(log: MessageLog, { commits }: Decision): boolean {
  const sequence = commits[0]?.message.sequence;
  if (sequence === undefined) return false;
  return sequence <= log.low || (log.find(sequence)?.committed ?? null) !== null;
}

function decisionOf({ committed, decision }: Slot): Commit | undefined {
  return committed === null ? undefined : decision[0]?.message;
}
