/**
 * Retransmission (PBFT §5.2). Replicas resend nothing blindly: each says in its status how far it is, and the others
 * send what it lacks.
 * @module
 */
import { isEnding } from "../epochs/configure.ts";
import { proposedRequests, removeAnswered } from "../ordering/answers.ts";
import { askHandOver } from "../views/hand_over.ts";
import { repeatSuspicion } from "../views/leaving.ts";
import { noteReport } from "../recovery/lost_disk.ts";
import type { Millis, ReplicaId, SequenceNumber } from "../messages/ids.ts";
import type { Slot } from "../ordering/message_log.ts";
import { allowanceOf } from "./allowance.ts";
import { createFreshness, isFresh } from "./freshness.ts";
import { noteStatus } from "../checkpoints/log_requests.ts";
import type {
  Decision,
  ReplicaMessage,
  Signed,
  StableCheckpoint,
  Stage,
  Status,
  Verified,
} from "../messages/messages.ts";
import { executeCommitted } from "../ordering/execution.ts";
import { propose } from "../ordering/normal_case.ts";
import { noteAnswer, returnOwnMessages } from "../recovery/own_messages.ts";
import { relay } from "../ordering/requests.ts";
import { startTransfer } from "../checkpoints/state_transfer.ts";
import { stableSequence } from "../messages/certificates.ts";
import type { Step } from "../step.ts";
import { resetStatusPace } from "./timers.ts";
import { isToldOfHigher, skipBlock } from "./numbering.ts";
import { sendStatus } from "./own_status.ts";
import { noteView } from "../views/view_change.ts";
import { noteWanted, passOnFilling } from "../recovery/log_filling.ts";

/** The most sequence numbers that are resent in answer to one status. */
const MAX_RESENT_SLOTS = 1_024;
/** The most waiting requests that are sent to all at once. The primary is sent every waiting request that it has not proposed. */
const MAX_SHOWN = 4;
/** About the most bytes that are resent in answer to one status. A replica that lacks more asks again. */
const MAX_RESENT_BYTES = 512 * 1024;
/** The allowance of one replica for answers to its statuses, bytes. */
const RESENT = { most: 4 * MAX_RESENT_BYTES, perMs: 4 * 1024 };
/** About what a message takes on the wire in addition to its signed bytes. */
const FRAME_BYTES = 80;

/** The status timer: when it is due, sends this replica's status if nothing has moved since the last time. */
export function checkStatus(step: Step): void {
  const { state, now } = step;
  const { status } = state;
  if (now < status.dueAt) return;
  const { statusIntervalMs, idleStatusMs } = step.env.settings;
  const busy = isBusy(step);
  const moved = status.executed < state.lastExecuted;
  status.executed = state.lastExecuted;
  removeAnswered(step);
  // The backups' patience depends on hearing from the primary, so it shows more often that it is alive.
  const longest = step.isPrimary ? Math.min(2 * statusIntervalMs, idleStatusMs) : idleStatusMs;
  if (busy && !moved) catchUp(step);
  // Behind or asking, and no status brought anything, although the pauses between them have grown to the longest.
  const mayBeOld = step.isBehind || isToldOfHigher(step);
  if (mayBeOld && !moved && !state.transfer && status.delayMs >= longest) skipBlock(step);
  askHandOver(step);
  // What this replica asks of the others must reach them under any load, and a question or its answer may be lost.
  if (!busy || !moved || isAsking(step)) {
    sendStatus(step);
    repeatSuspicion(step);
  }
  // When nothing moves, the others must know that requests wait; otherwise this replica would be alone in suspecting
  // the primary.
  let shown = 0;
  const most = moved ? 0 : MAX_SHOWN;
  // The primary knows those that it has proposed. If they are proposed in vain, the next view starts with all that wait here.
  const proposed = step.isPrimary ? null : proposedRequests(step);
  for (const entry of state.pending.entries()) {
    if (shown >= most && proposed?.has(entry.request.digest)) continue;
    if (entry.relayAt <= now && !step.isPrimary) relay(step, entry, shown++ < most ? "all" : step.primary);
  }
  passOnFilling(step);
  propose(step);
  status.delayMs = !busy ? idleStatusMs : moved ? statusIntervalMs : Math.min(2 * status.delayMs, longest);
  status.dueAt = (now + status.delayMs) as Millis;
}

/** Whether this replica waits for answers: for its own messages, or for reports on where the others are. */
function isAsking({ state: { asking, lostDisk } }: Step): boolean {
  return asking !== null || lostDisk?.bound === null;
}

/** After each step: returns the timer to its short interval if something has become outstanding. */
export function updateStatusPace(step: Step): void {
  const { status } = step.state;
  const busy = isBusy(step);
  if (busy && !status.busy) resetStatusPace(step);
  status.busy = busy;
}

/**
 * Whether something is outstanding: a new view, a request, an open number, a state transfer, or numbers that the others
 * have executed and this replica has not.
 */
function isBusy(step: Step): boolean {
  const { state } = step;
  if (!step.isActive || !step.mayVote || state.pending.size > 0 || step.isBehind || isEnding(state)) return true;
  return state.log.highestOpen(state.view, state.lastExecuted) > state.lastExecuted;
}

function catchUp(step: Step): void {
  const { ahead, lastExecuted, viewChange } = step.state;
  if (!step.isActive && viewChange) step.send("all", viewChange);
  if (ahead && stableSequence(ahead) > lastExecuted) startTransfer(step, ahead);
  if (step.hasEndedTransfer) executeCommitted(step);
}

/** A status arrives: sends its sender what it lacks, and this replica's own status if this replica is ahead. */
export function onStatus(step: Step, status: Verified<Signed<Status>>): void {
  const { state, now } = step;
  const { message } = status;
  const { replica, executed, stable, stages } = message;
  // A liar may return what this replica has sent it, and chooses itself what an answer echoes and has seen. So an own status must not count
  // as what another replica says: not as a report on where the others are, nor on which numbers are used.
  if (replica === step.self) return step.discard("status", replica, "duplicate");
  if (!isNew(step, message)) {
    // A replica that lost its disk, or runs on an old copy, may reuse numbers: it is told which ones it has used.
    if (message.challenge > 0) remind(step, message);
    // The backups pass wishes on. A liar may have sent this replica another status with this number, or with a higher one.
    noteWanted(step, status);
    return step.discard("status", replica, "duplicate");
  }
  step.heardFrom = replica;
  noteView(step, replica, message.view);
  noteReport(step, status);
  noteAnswer(step, message);
  noteStatus(step, replica);
  const allowance = allowanceOf(state.status.allowances, replica, { now, rate: RESENT });
  if (allowance.bytes <= 0) return step.discard("status", replica, "too-soon");
  let left = MAX_RESENT_BYTES;
  const resend = (signed: Signed) => {
    step.send(replica, signed as Verified<Signed<ReplicaMessage>>);
    const bytes = signed.bytes.length + FRAME_BYTES;
    left -= bytes;
    allowance.bytes -= bytes;
  };
  const whereWeAre = viewFor(step, message);
  if (whereWeAre) resend(whereWeAre);
  if (message.challenge > 0) returnOwnMessages(step, message, resend);
  resendCheckpoints(step, { to: replica, stable }, resend);
  const highest = state.log.highest();
  let slots = 0;
  for (let n = Math.max(executed, state.log.low) + 1; n <= highest && slots < MAX_RESENT_SLOTS && left > 0; n++) {
    const slot = state.log.find(n);
    if (!slot) continue;
    slots++;
    resendSlot(step, { to: replica, slot, stage: stages[n - executed - 1] ?? "idle" }, resend);
  }
  if (executed < state.lastExecuted) sendStatus(step, replica);
}

/**
 * The message that brings a replica into the present view, if it is not there. `null` also if it was sent this
 * recently, unless it has restarted and may have forgotten it.
 */
function viewFor({ state, isActive, env, now }: Step, { replica, view, phase, challenge }: Status): Signed | null {
  const isThere = view > state.view || (view === state.view && (phase !== "leaving" || !isActive));
  const { newViewSentAt } = state.status;
  const isTold = challenge === 0 && now < (newViewSentAt.get(replica) ?? -Infinity) + env.settings.statusIntervalMs / 2;
  if (isThere || isTold) return null;
  newViewSentAt.set(replica, now);
  // A replica that waits in its view without a view-change of its own can only repeat its request for a hand-over.
  return state.newView ?? state.viewChange ?? state.leaving.own;
}

/**
 * Whether a status is no repeated old one. Of statuses that overtook each other, the one with the highest number says
 * how far its sender is.
 */
function isNew({ state: { status } }: Step, { replica, number, executed }: Status): boolean {
  const freshness = status.freshness.get(replica) ?? createFreshness();
  status.freshness.set(replica, freshness);
  const before = freshness.highest;
  if (!isFresh(freshness, number)) return false;
  if (!(number < before)) status.heard.set(replica, executed);
  return true;
}

/**
 * Answers a replica that may have lost its disk, and uses a number again: sends its own last view-change, which it may have forgotten,
 * and this replica's status, which shows the highest number. It echoes nothing, because nothing else was returned. A liar may repeat an old
 * status of that replica, so this takes nothing of its allowance, and is done twice per status interval at most.
 */
function remind(step: Step, { replica }: Status): void {
  const { viewChanges, status: { remindedAt } } = step.state;
  if (step.now < (remindedAt.get(replica) ?? -Infinity) + step.env.settings.statusIntervalMs / 2) return;
  remindedAt.set(replica, step.now);
  const theirs = viewChanges.get(replica);
  if (theirs) step.send(replica, theirs);
  sendStatus(step, replica, { echo: 0 as Millis });
}

type Resend = (signed: Signed) => void;

function resendCheckpoints(
  step: Step,
  { to, stable }: { to: ReplicaId; stable: SequenceNumber },
  resend: Resend,
): void {
  const { state, self } = step;
  if (stable < state.log.low && state.stable.length > 0) {
    resend(step.env.sign<StableCheckpoint>({ kind: "stable-checkpoint", replica: self, checkpoints: state.stable }));
    // It will need that state: if this replica has it, it offers the root page.
    if (state.tree.sequence >= state.log.low) step.offer(to, [state.stable[0]!.message.digest]);
  }
  for (const sequence of [...state.ownCheckpoints.keys()].sort((a, b) => a - b)) {
    const own = state.checkpoints.get(sequence)?.get(self);
    if (own && sequence > stable) resend(own);
  }
}

/** Sends what a replica at this stage lacks. It fetches the bodies of batches itself, from any peer and each once. */
function resendSlot(
  step: Step,
  { to, slot, stage }: { to: ReplicaId; slot: Slot; stage: Stage },
  resend: Resend,
): void {
  const { self } = step;
  if (stage === "committed") return;
  if (slot.committed !== null) {
    slot.proof ??= step.env.sign<Decision>({ kind: "decision", replica: self, commits: slot.decision });
    return resend(slot.proof);
  }
  const { prePrepare } = slot;
  if (stage === "idle" && prePrepare && prePrepare.message.replica !== to) resend(prePrepare);
  const prepare = slot.prepares.get(self);
  if (prepare && stage !== "prepared") resend(prepare);
  const commit = slot.commits.get(self);
  if (commit) resend(commit);
}
