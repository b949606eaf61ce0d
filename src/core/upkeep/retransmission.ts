/**
 * Nothing is resent blindly: replicas say where they are, and the others send what they lack (PBFT §5.2).
 * @module
 */
import { endAnswered } from "../ordering/answers.ts";
import { isBehind } from "../checkpoints/behind.ts";
import { stableSequence } from "../checkpoints/checkpoint.ts";
import { askHandOver } from "../views/hand_over.ts";
import { furthestView, noteView, repeatSuspicion } from "../views/leaving.ts";
import { NEW_DISK, noteReport, passOnFilling } from "../recovery/lost_disk.ts";
import type { Millis, ReplicaId, SequenceNumber } from "../messages/ids.ts";
import { type Slot, stageOf } from "../ordering/message_log.ts";
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
import { propose } from "../ordering/normal_case.ts";
import { nextNumber } from "./numbering.ts";
import { answer, noteAnswer } from "../recovery/own_words.ts";
import { relay } from "../ordering/requests.ts";
import { startTransfer } from "../checkpoints/state_transfer.ts";
import type { Step } from "../state.ts";

/** Most numbers that one status is answered with. */
const MAX_RESENT_SLOTS = 1_024;
/** Most requests that all are told of at once; the primary is told of all that wait. */
const MAX_SHOWN = 4;
/** Most bytes that one status is answered with, about. Whoever lacks more asks again. */
const MAX_RESENT_BYTES = 512 * 1024;
/** What the statuses of one replica are answered with, bytes. */
const RESENT = { most: 4 * MAX_RESENT_BYTES, perMs: 4 * 1024 };
/** What a message has on its way beside the signed bytes, about. */
const FRAME_BYTES = 80;

/** When the status timer is due: says where we are, if nothing has moved since the last time. */
export function checkStatus(step: Step): void {
  const { state, now } = step;
  const { status } = state;
  if (now < status.dueAt) return;
  const { statusIntervalMs, idleStatusMs } = step.env.settings;
  const busy = isBusy(step);
  const moved = status.executed < state.lastExecuted;
  status.executed = state.lastExecuted;
  endAnswered(step);
  if (busy && !moved) catchUp(step);
  askHandOver(step);
  if (!busy || !moved) {
    sendStatus(step);
    repeatSuspicion(step);
  }
  // When nothing moves, the others must know that something waits, or this replica would be alone in suspecting the primary.
  let shown = 0;
  const most = moved ? 0 : MAX_SHOWN;
  for (const entry of state.pending.entries()) {
    if (entry.relayAt <= now && !step.isPrimary) relay(step, entry, shown++ < most ? "all" : step.primary);
  }
  passOnFilling(step);
  propose(step);
  // The backups wait for the primary: it says often enough that it lives.
  const longest = step.isPrimary ? Math.min(2 * statusIntervalMs, idleStatusMs) : idleStatusMs;
  status.delayMs = !busy ? idleStatusMs : moved ? statusIntervalMs : Math.min(2 * status.delayMs, longest);
  status.dueAt = (now + status.delayMs) as Millis;
}

/** After each step: when something has become outstanding, or has moved, the timer runs at its quick pace again. */
export function hastenStatus(step: Step): void {
  const { status } = step.state;
  const busy = isBusy(step);
  if (busy && !status.busy) quickenStatus(step);
  status.busy = busy;
}

/** Something has changed on which others may be waiting to hear from us: the timer runs at its quick pace again. */
export function quickenStatus({ state: { status }, env: { settings }, now }: Step): void {
  status.delayMs = settings.statusIntervalMs;
  status.dueAt = Math.min(status.dueAt, now + status.delayMs) as Millis;
}

/** Whether something is outstanding: a new view, a request, an open number, a state, or what the others have and we have not. */
function isBusy(step: Step): boolean {
  const { state } = step;
  if (!step.isActive || !step.mayVote || state.pending.size > 0 || isBehind(step)) return true;
  return state.log.highestOpen(state.view, state.lastExecuted) > state.lastExecuted;
}

/** Says where this replica is. `echo`: the challenge of the one whom it tells. */
export function sendStatus(step: Step, to: ReplicaId | "all" = "all", echo = 0 as Millis): void {
  const { state } = step;
  const stages: Stage[] = [];
  // While a state is fetched the window is above lastExecuted, perhaps far above: nobody takes more stages than it has numbers.
  const highest = Math.min(state.log.highest(), state.lastExecuted + state.log.window);
  for (let n = state.lastExecuted + 1; n <= highest; n++) {
    const slot = state.log.find(n);
    stages.push(slot ? stageOf(slot, state.view) : "idle");
  }
  const { lastExecuted: executed } = state;
  const view = echo > 0 ? furthestView(step) : state.view;
  const { bound } = state.lostDisk ?? NEW_DISK;
  // An answer asks nothing: two that ask would answer each other for ever.
  const { challenge } = echo > 0 ? NEW_DISK : state.lostDisk ?? state.asking ?? NEW_DISK;
  const status: Status = {
    kind: "status",
    replica: step.self,
    number: nextNumber(step),
    view,
    phase: step.isActive ? "active" : "leaving",
    stable: state.log.low,
    executed,
    votesAbove: bound ?? 0 as SequenceNumber,
    challenge,
    echo,
    seen: to === "all" ? 0 : state.status.freshness.get(to)?.highest ?? 0,
    stages,
  };
  step.send(to, step.env.sign(status));
}

function catchUp(step: Step): void {
  const { ahead, lastExecuted, viewChange } = step.state;
  if (!step.isActive && viewChange) step.send("all", viewChange);
  if (ahead && stableSequence(ahead) > lastExecuted) startTransfer(step, ahead);
}

/** A replica says where it is: send what it lacks, and where we are if that is further. */
export function onStatus(step: Step, status: Verified<Signed<Status>>): void {
  const { state, now } = step;
  const { message } = status;
  const { replica, executed, stable, stages } = message;
  const allowance = allowanceOf(state.status.allowances, replica, { now, rate: RESENT });
  if (!isNew(step, message)) {
    // Without a disk, or with an old copy of it, it may not know which numbers it has used.
    if (message.challenge > 0 && allowance.bytes > 0) allowance.bytes -= remind(step, message);
    return step.discard("status", replica, "duplicate");
  }
  step.heardFrom = replica;
  noteView(step, replica, message.view);
  noteReport(step, status);
  noteAnswer(step, message);
  noteStatus(step, replica);
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
  if (message.challenge > 0) answer(step, message, resend);
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

/** What tells a replica of the view, if it is not in it. It may have been told just now, for its view-change; or may have forgotten it. */
function viewFor({ state, isActive, env, now }: Step, { replica, view, phase, challenge }: Status): Signed | null {
  const isThere = view > state.view || (view === state.view && (phase !== "leaving" || !isActive));
  const { toldAt } = state.status;
  const isTold = challenge === 0 && now < (toldAt.get(replica) ?? -Infinity) + env.settings.statusIntervalMs / 2;
  if (isThere || isTold) return null;
  toldAt.set(replica, now);
  // One that waits in its view without having left for it can only say what it asks the others for.
  return state.newView ?? state.viewChange ?? state.leaving.own;
}

/** Whether a status is no old one that somebody repeats. Of those that overtook each other the newest says where its sender is. */
function isNew({ state: { status } }: Step, { replica, number, executed }: Status): boolean {
  const freshness = status.freshness.get(replica) ?? createFreshness();
  status.freshness.set(replica, freshness);
  const before = freshness.highest;
  if (!isFresh(freshness, number)) return false;
  if (!(number < before)) status.heard.set(replica, executed);
  return true;
}

/** Somebody has lost its disk: it asks where we are, and it may not know for which view it has left. Gives the bytes of the answer. */
function remind(step: Step, { replica, challenge }: Status): number {
  const theirs = step.state.viewChanges.get(replica);
  if (theirs) step.send(replica, theirs);
  sendStatus(step, replica, challenge);
  return FRAME_BYTES + (theirs?.bytes.length ?? 0);
}

type Resend = (signed: Signed) => void;

function resendCheckpoints(
  step: Step,
  { to, stable }: { to: ReplicaId; stable: SequenceNumber },
  resend: Resend,
): void {
  const { state, self } = step;
  if (stable < state.log.low) {
    resend(step.env.sign<StableCheckpoint>({ kind: "stable-checkpoint", replica: self, checkpoints: state.stable }));
    // It will have to fetch that state, if this replica has it: here is what it begins with.
    if (state.tree.sequence >= state.log.low) step.offer(to, [state.stable[0]!.message.digest]);
  }
  for (const sequence of [...state.ownCheckpoints.keys()].sort((a, b) => a - b)) {
    const own = state.checkpoints.get(sequence)?.get(self);
    if (own && sequence > stable) resend(own);
  }
}

/** Sends what a replica at this stage lacks. The bodies of batches it fetches: from whomever it likes, and each once. */
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
