/**
 * Requests as they arrive, and relaying them between replicas while they wait (PBFT §4.1, §4.4).
 * @module
 */
import { answer, endWaiting, finalAnswerOf } from "./answers.ts";
import { relayAfterMs } from "../views/view_timeout.ts";
import type { Millis, ReplicaId } from "../messages/ids.ts";
import type { SignedRequest, Verified } from "../messages/messages.ts";
import type { PendingRequest } from "./pending_requests.ts";
import type { Step } from "../step.ts";

/** A request arrives from its client, its gateway or a backup. It is answered from memory, or waits to be ordered. */
export function onRequest(step: Step, request: Verified<SignedRequest>): void {
  const { pending, refused } = step.state;
  const { message, digest } = request;
  const forGood = finalAnswerOf(step.state, request);
  // While it waited, its timestamp may have been given up or used by another request, or its session may have been
  // evicted.
  if (forGood) endWaiting(step, request, forGood);
  const results = forGood ?? refused.lookup(digest, step.state.clock.elapsedMs);
  const ours = message.kind === "gateway-request" && message.gateway === step.self;
  // This replica's word alone is no answer at its gateway. The others do not have the request, which is in no batch.
  if (forGood && ours) step.send("all", request);
  if (results) return answer(step, request, results);
  if (pending.has(request)) return step.discard(message.kind, null, "duplicate");
  // Nothing can be ordered until the state machine is mended. The client is told at once that there is no room.
  const isStuck = step.state.unsealed !== null && step.state.lastProposed >= step.state.log.high;
  const afterMs = relayAfterMs(step);
  const entry = isStuck ? null : pending.add(request, (step.now + afterMs) as Millis, afterMs);
  if (!entry) {
    step.admission = "full";
    return step.discard(message.kind, null, "buffer-full");
  }
  step.event({ kind: "request-received", digest });
  if (ours && !step.isPrimary) relay(step, entry, step.primary);
}

/** Relays a pending request, at growing intervals. */
export function relay(step: Step, entry: PendingRequest, to: ReplicaId | "all"): void {
  step.send(to, entry.request);
  entry.relayAt = (step.now + entry.relayIntervalMs) as Millis;
  entry.relayIntervalMs = Math.min(2 * entry.relayIntervalMs, step.env.settings.idleStatusMs);
}
