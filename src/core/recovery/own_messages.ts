/**
 * Asking the others at a start for the messages of this replica that they hold, to detect a store that is an old copy.
 *
 * A replica that starts has the others return messages signed by itself: its votes on open numbers, its last
 * checkpoint, view-change and suspicion. Votes, checkpoints and view-changes were durable before they were sent. So a
 * store that does not know one of them is an old copy (or somebody else has this replica's key). The replica then
 * recovers as after a lost disk. It can also be that another instance of the replica on the same store has sent the
 * message. Then the commit of that record fails, because the store has moved on, and the replica is read anew.
 *
 * An unknown suspicion is no proof of an old copy. Votes from before a lost disk are all behind the checkpoint and the
 * view with which the recovery ended. Suspicions are ordered by their number alone, so a liar who kept one could make
 * the replica recover again at will. The replica only takes over the suspicion's number, and notes how far it may have
 * committed itself (see leaving.ts).
 *
 * Until quorum - 1 others have answered, the replica does not vote, suspects nobody and leaves no view. Without them
 * nothing could be decided anyway, so this costs one round trip at a start. A peer that is down is asked when it is
 * heard again, and all are asked with each status. A replica whose host starts it for each message does not ask: it
 * would ask all the time.
 *
 * @module
 */
import { type Millis, type ReplicaId, sequenceNumber } from "../messages/ids.ts";
import type { Input } from "../io.ts";
import { declareLostDisk, renewRecovery } from "./lost_disk.ts";
import type {
  Checkpoint,
  Commit,
  NewView,
  Prepare,
  PrePrepare,
  Signed,
  Status,
  Suspicion,
  Verified,
  ViewChange,
} from "../messages/messages.ts";
import { primaryOf } from "../messages/quorum.ts";
import { noteSeen } from "../upkeep/numbering.ts";
import type { LostDisk } from "../records.ts";
import type { ReplicaState } from "../state.ts";
import { resumeVoting } from "./resume_voting.ts";
import type { Step } from "../step.ts";
import { sendStatus } from "../upkeep/own_status.ts";

type OwnMessage = PrePrepare | Prepare | Commit | Checkpoint | ViewChange;

/**
 * At a start with a store: asks the others. A replica that knows that it lost its disk asks for more (lost_disk.ts). If it knows its
 * bound, too, it asks as any other, because its store may be a copy that was made during the recovery.
 */
export function askForOwnMessages(step: Step): void {
  if (step.n === 1) return;
  const challenge = Math.max(1, step.now) as Millis;
  if (renewRecovery(step, challenge)) step.state.asking = { challenge, answered: new Set() };
}

/**
 * A status arrives, perhaps as the end of an answer: the messages that its sender holds of this replica came before it.
 */
export function noteAnswer(step: Step, { replica, echo, seen }: Status): void {
  const { asking, numbering } = step.state;
  const isRepeated = seen >= numbering.next;
  noteSeen(step, replica, seen);
  if (step.mayVote || replica === step.self) return;
  // An old copy uses numbers again, and a status with a used number draws no answer. It asks again once it knows that, at once,
  // and not only when its next status is due.
  if (isRepeated) return seen < numbering.next ? sendStatus(step) : undefined;
  if (asking && echo === asking.challenge) asking.answered.add(replica);
  // This peer is up now, and may have been down when all were asked.
  else if (echo === 0 && isAwaited(step.state, replica)) sendStatus(step, replica);
  if (!asking || asking.answered.size < step.quorum - 1) return;
  step.state.asking = null;
  if (step.mayVote) resumeVoting(step);
}

/** Whether an answer of this peer is missing, or its report on where the others are after a lost disk. */
function isAwaited({ asking, lostDisk }: ReplicaState, peer: ReplicaId): boolean {
  if (asking) return !asking.answered.has(peer);
  return lostDisk !== null && lostDisk.bound === null && !lostDisk.reports.has(peer);
}

/** Answers a replica that asks: with its own messages, then with this replica's status. */
export function returnOwnMessages(step: Step, asked: Status, resend: (signed: Signed) => void): void {
  for (const own of ownMessagesOf(step, asked)) resend(own);
  sendStatus(step, asked.replica, { echo: asked.challenge });
}

/** The messages of the asking replica that this one holds and that its status does not show. */
function ownMessagesOf(step: Step, { replica, stable, executed, stages }: Status): readonly Signed[] {
  const { log, checkpoints, viewChanges, leaving } = step.state;
  const held: Verified<Signed<OwnMessage | Suspicion>>[] = [];
  for (let n = Math.max(stable, log.low) + 1; n <= log.highest(); n++) {
    const slot = log.find(n);
    const stage = n <= executed ? "committed" : stages[n - executed - 1] ?? "idle";
    if (!slot || stage === "committed" || stage === "prepared") continue;
    const { prePrepare } = slot;
    if (stage === "idle" && prePrepare?.message.replica === replica) held.push(prePrepare);
    const votes = [stage === "idle" && slot.prepares.get(replica), slot.commits.get(replica)];
    for (const vote of votes) if (vote) held.push(vote);
  }
  const taken = [...checkpoints.keys()].filter((n) => n > executed && checkpoints.get(n)!.has(replica));
  if (taken.length > 0) held.push(checkpoints.get(sequenceNumber(Math.max(...taken)))!.get(replica)!);
  for (const own of [viewChanges.get(replica), leaving.heard.get(replica)]) if (own) held.push(own);
  return held;
}

function ownMessageIn(step: Step, input: Input): OwnMessage | null {
  switch (input.kind) {
    case "pre-prepare":
      return input.prePrepare.message;
    case "prepare":
      return input.prepare.message;
    case "commit":
      return input.commit.message;
    case "checkpoint":
      return input.checkpoint.message;
    case "view-change":
      return input.viewChange.message;
    case "new-view":
      return viewChangeIn(step, input.newView.message);
    default:
      return null;
  }
}

/** This replica's own view-change in a new-view. */
function viewChangeIn({ self }: Step, { viewChanges }: NewView): ViewChange | null {
  return viewChanges.find(({ message }) => message.replica === self)?.message ?? null;
}

/**
 * Whether a peer returns a vote of this replica that it does not know. If so, its store is an old copy: it starts the
 * recovery. It does not take over such a vote, because it would send it again and can't know what else it has sent. It
 * notes returned view-changes.
 */
export function isUnknownOwnMessage(step: Step, input: Input): boolean {
  const own = ownMessageIn(step, input);
  if (own?.replica !== step.self || !isOfItsRole(step, own)) return false;
  const { lostDisk } = step.state;
  if (!lostDisk && isKnown(step, own)) return false;
  if (!lostDisk || isAfterRecovery(lostDisk, own)) {
    step.state.asking = null;
    step.event({ kind: "old-copy", message: own.kind, sequence: own.kind === "view-change" ? null : own.sequence });
    declareLostDisk(step);
  }
  if (own.kind === "view-change") return false;
  // The host must not keep it as an input either.
  step.discard(own.kind, step.self, "unknown-own");
  return true;
}

/** Whether a correct replica can have sent this message: pre-prepares only as primary, prepares only as backup. */
function isOfItsRole({ self, n }: Step, own: OwnMessage): boolean {
  if (own.kind === "pre-prepare") return primaryOf(own.view, n) === self;
  return own.kind !== "prepare" || primaryOf(own.view, n) !== self;
}

/**
 * Whether this replica can only have sent this message after it had recovered. Then its store is a copy that was made during that
 * recovery: before it nothing was sent above the bound, and during it nothing at all.
 */
function isAfterRecovery({ bound }: LostDisk, own: OwnMessage): boolean {
  return own.kind !== "view-change" && bound !== null && own.sequence > bound;
}

/**
 * Whether this replica knows that it has sent this message. It need not know messages behind a stable checkpoint, or
 * after the end of its epoch.
 */
function isKnown({ state }: Step, own: OwnMessage): boolean {
  if (own.kind === "view-change") return own.view <= state.view;
  if (own.sequence <= state.log.low) return true;
  // Nothing above the end of the epoch counts, and messages about it are forgotten when the end becomes known.
  if (own.sequence > (state.epochs.pending?.closesAt ?? Infinity)) return true;
  if (own.kind === "pre-prepare" && (own.view < state.view || isCarried(state, own))) return true;
  if (own.kind === "checkpoint") return own.sequence <= Math.max(state.tree.sequence, state.lastExecuted);
  const slot = state.log.find(own.sequence);
  const views = [slot?.prePrepare, slot?.prepared?.prePrepare].map((known) => known?.message.view ?? -1);
  return Math.max(...views) >= own.view;
}

/**
 * Whether the present new-view carries this pre-prepare: those are signed with it, whether or not this replica can
 * accept them. Pre-prepares of earlier views say nothing that the replica's commits do not say too.
 */
function isCarried({ newView }: ReplicaState, { view, sequence }: PrePrepare): boolean {
  if (newView?.message.view !== view) return false;
  return newView.message.prePrepares.some(({ message }) => message.sequence === sequence);
}
