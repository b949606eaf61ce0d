/**
 * The first input of a replica: it goes on where its store says that it stopped.
 * @module
 */
import { resumeTime } from "../ordering/agreed_time.ts";
import { resumeRequests } from "../checkpoints/log_requests.ts";
import { startTransfer } from "../checkpoints/state_transfer.ts";
import type { Input } from "../io.ts";
import { lowWatermarkOf } from "../messages/certificates.ts";
import type { Millis, ReplicaId } from "../messages/ids.ts";
import { executeCommitted } from "../ordering/execution.ts";
import { checkAllCommitted } from "../ordering/normal_case.ts";
import type { Step } from "../step.ts";
import { sendStatus } from "../upkeep/own_status.ts";
import { resumeHandOvers } from "../views/agreed_hand_overs.ts";
import { carryOver } from "../views/view_change.ts";
import { startRecovery } from "./lost_disk.ts";
import { askForOwnMessages } from "./own_messages.ts";

/** Starts the replica. */
export function start(step: Step, { asks = false, isQuiet = false }: Extract<Input, { kind: "start" }>): void {
  const { state } = step;
  resumeHandOvers(step);
  startRecovery(step);
  if (asks) askForOwnMessages(step);
  // Stored timers tell when the next status is due. If each start sent a status, replicas that a message starts would
  // start each other for ever.
  const isResumed = state.status.dueAt > 0;
  if (isResumed) {
    state.answeredThrough = state.log.highestCommitted();
    resumeRequests(step, state.askedUntil as Millis);
    // At a host that starts the replica for every message, repeated view-changes draw no new-view: the status of their
    // sender does.
    for (let peer = 0; peer < step.n; peer++) state.status.newViewSentFor.set(peer as ReplicaId, state.view);
  }
  if (lowWatermarkOf(state.stable, step.env.genesis) > state.lastExecuted) startTransfer(step, state.stable);
  resumeTime(step);
  executeCommitted(step);
  resumeTime(step);
  checkAllCommitted(step);
  carryOver(step);
  if (isResumed) return;
  const statusAt = (step.now + step.env.settings.statusIntervalMs) as Millis;
  if (isQuiet) {
    // A request takes a new block of numbers, and the other instance reloads at that commit. If both asked at each start, they would reload
    // each other without end, and lose the decisions that they get: these are stored with the next commit.
    resumeRequests(step, statusAt);
  } else {
    if (!step.isActive && state.viewChange) step.send("all", state.viewChange);
    sendStatus(step);
  }
  state.status.executed = state.lastExecuted;
  state.status.dueAt = statusAt;
}
