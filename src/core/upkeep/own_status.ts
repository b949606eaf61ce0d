/**
 * This replica's own status, which shows the others what it lacks.
 * @module
 */
import { furthestView } from "../views/leaving.ts";
import { type Millis, type ReplicaId, sequenceNumber } from "../messages/ids.ts";
import { stageOf } from "../ordering/message_log.ts";
import type { Stage, Status } from "../messages/messages.ts";
import { nextNumber } from "./numbering.ts";
import { NEW_RECOVERY } from "../records.ts";
import type { PeerMemory } from "../io.ts";
import type { StatusTimer } from "../state.ts";
import type { Step } from "../step.ts";

/** What answers a status that has a challenge: this replica's status, with that challenge as `echo`, or with 0 if nothing was returned. */
interface Answer {
  readonly echo: Millis;
}

/** Sends this replica's status. */
export function sendStatus(step: Step, to: ReplicaId | "all" = "all", answer?: Answer): void {
  const { state } = step;
  const stages: Stage[] = [];
  // During a state transfer the window can lie far above lastExecuted. Receivers accept at most as many stages as a
  // window has numbers.
  const highest = Math.min(state.log.highest(), state.lastExecuted + state.log.window);
  for (let n = state.lastExecuted + 1; n <= highest; n++) {
    const slot = state.log.find(n);
    stages.push(slot ? stageOf(slot, state.view) : "idle");
  }
  const { lastExecuted: executed } = state;
  const view = answer ? furthestView(step) : state.view;
  const { bound } = state.lostDisk ?? NEW_RECOVERY;
  // An answer carries no challenge of its own: two replicas that start would answer each other for ever.
  const { challenge } = answer ? NEW_RECOVERY : state.lostDisk ?? state.asking ?? NEW_RECOVERY;
  const status: Status = {
    kind: "status",
    replica: step.self,
    number: nextNumber(step),
    view,
    phase: step.isActive ? "active" : "leaving",
    stable: state.log.low,
    executed,
    votesAbove: bound ?? sequenceNumber(0),
    challenge,
    echo: answer?.echo ?? NEW_RECOVERY.challenge,
    seen: to === "all" ? 0 : state.status.freshness.get(to)?.highest ?? 0,
    stages,
  };
  step.send(to, step.env.sign(status));
}

/** Takes over what an earlier core knew of the peers. */
export function rememberPeers(
  status: StatusTimer,
  { heard, heardAt, allowances, newViewSentAt }: PeerMemory,
): void {
  for (const [replica, executed] of heard) status.heard.set(replica, executed);
  for (const [replica, at] of heardAt) status.heardAt.set(replica, at);
  for (const [replica, allowance] of allowances) status.allowances.set(replica, allowance);
  for (const [replica, at] of newViewSentAt) status.newViewSentAt.set(replica, at);
}
