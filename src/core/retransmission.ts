/**
 * Nothing is resent blindly: replicas say where they are, and the others send what they lack (PBFT §5.2).
 * @module
 */
import { stableSequence } from "./checkpoint.ts";
import { NEW_DISK, noteReport, passOnFilling } from "./lost_disk.ts";
import type { Millis, ReplicaId, SequenceNumber } from "./ids.ts";
import { type Slot, stageOf } from "./message_log.ts";
import type { Decision, Signed, StableCheckpoint, Stage, Status, Verified } from "./messages.ts";
import { propose, relay } from "./normal_case.ts";
import { startTransfer } from "./state_transfer.ts";
import type { Step } from "./state.ts";

/** Most numbers that one status is answered with. */
const MAX_RESENT_SLOTS = 64;
/** Most requests that all are told of at once; the primary is told of all that wait. */
const MAX_SHOWN = 4;
/** Most bytes of batch bodies that one status is answered with, and one body more. */
const MAX_RESENT_BYTES = 512 * 1024;

/** When the status timer is due: says where we are, if nothing has moved since the last time. */
export function checkStatus(step: Step): void {
  const { state, now } = step;
  const { status } = state;
  if (now < status.dueAt) return;
  const { statusIntervalMs, idleStatusMs } = step.env.settings;
  const busy = isBusy(step);
  const moved = status.executed < state.lastExecuted;
  status.executed = state.lastExecuted;
  if (busy && !moved) catchUp(step);
  if (!busy || !moved) sendStatus(step);
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

/** Whether the others, at least one correct one, are further than this replica. */
export function isBehind(step: Step): boolean {
  const { state } = step;
  if (state.transfer || state.ahead) return true;
  let ahead = 0;
  for (const executed of state.status.heard.values()) if (executed > state.lastExecuted) ahead++;
  return ahead > step.f;
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
  const { view, lastExecuted: executed } = state;
  const { bound, challenge } = state.lostDisk ?? NEW_DISK;
  const status: Status = {
    kind: "status",
    replica: step.self,
    view,
    stable: state.log.low,
    executed,
    votesAbove: bound ?? 0 as SequenceNumber,
    challenge,
    echo,
    stages,
  };
  step.send(to, step.env.sign(status));
}

function catchUp(step: Step): void {
  const { ahead, lastExecuted, viewChange } = step.state;
  if (!step.isActive && viewChange) step.send("all", viewChange);
  if (ahead && stableSequence(ahead) > lastExecuted) startTransfer(step, ahead);
}

/** A replica says where it is: send what it lacks. */
export function onStatus(step: Step, status: Verified<Signed<Status>>): void {
  const { state, now } = step;
  const { message } = status;
  const { replica, executed, stable, stages } = message;
  state.status.heard.set(replica, executed);
  noteReport(step, status);
  const answeredAt = state.status.answeredAt.get(replica);
  if (answeredAt !== undefined && now < answeredAt + step.env.settings.statusIntervalMs / 2) {
    return step.discard("status", replica, "too-soon");
  }
  state.status.answeredAt.set(replica, now);
  if (message.challenge > 0) remind(step, message);
  if (message.view < state.view) {
    const whereWeAre = state.newView ?? state.viewChange;
    if (whereWeAre) step.send(replica, whereWeAre);
  }
  resendCheckpoints(step, replica, stable);
  let slots = 0;
  let bytes = 0;
  const highest = state.log.highest();
  for (
    let n = Math.max(executed, state.log.low) + 1;
    n <= highest && slots < MAX_RESENT_SLOTS && bytes < MAX_RESENT_BYTES;
    n++
  ) {
    const slot = state.log.find(n);
    if (!slot) continue;
    slots++;
    bytes += resendSlot(step, replica, slot, stages[n - executed - 1] ?? "idle");
  }
}

/** Somebody has lost its disk: it asks where we are, and it may not know for which view it has left. */
function remind(step: Step, { replica, challenge }: Status): void {
  const theirs = step.state.viewChanges.get(replica);
  if (theirs) step.send(replica, theirs);
  sendStatus(step, replica, challenge);
}

function resendCheckpoints(step: Step, to: ReplicaId, stable: SequenceNumber): void {
  const { state, self } = step;
  if (stable < state.log.low) {
    step.send(
      to,
      step.env.sign<StableCheckpoint>({ kind: "stable-checkpoint", replica: self, checkpoints: state.stable }),
    );
  }
  for (const sequence of [...state.ownCheckpoints.keys()].sort((a, b) => a - b)) {
    const own = state.checkpoints.get(sequence)?.get(self);
    if (own && sequence > stable) step.send(to, own);
  }
}

/** Sends what a replica at this stage lacks; returns the bytes of the body, if it went along. */
function resendSlot(step: Step, to: ReplicaId, slot: Slot, stage: Stage): number {
  const { self, n } = step;
  const { prePrepare, batch } = slot;
  let bytes = 0;
  if (stage === "idle" && prePrepare && prePrepare.message.replica !== to) {
    // One body is enough: from the primary, and in case that is gone from one more; the others' can be fetched.
    const withBody = batch?.digest === prePrepare.message.digest &&
      (prePrepare.message.replica === self || (to + 1) % n === self);
    step.send(to, prePrepare, withBody ? batch : undefined);
    if (withBody) bytes = batch.bytes.length;
  }
  const prepare = slot.prepares.get(self);
  if (prepare && (stage === "idle" || stage === "pre-prepared")) step.send(to, prepare);
  if (stage === "committed") return bytes;
  const commit = slot.commits.get(self);
  if (slot.committed !== null) {
    step.send(to, step.env.sign<Decision>({ kind: "decision", replica: self, commits: slot.decision }));
  } else if (commit) step.send(to, commit);
  return bytes;
}
