/**
 * Requests as they come in, and as replicas pass them on to each other while they wait (PBFT §4.1, §4.4).
 * @module
 */
import { answer, answerOf, endWaiting } from "./answers.ts";
import type { Millis, ReplicaId } from "../messages/ids.ts";
import type { SignedRequest, Verified } from "../messages/messages.ts";
import type { PendingRequest } from "./pending_requests.ts";
import type { Step } from "../step.ts";

/** A request comes, from its client, its gateway or a backup: answer it from memory, or have it wait and order it. */
export function onRequest(step: Step, request: Verified<SignedRequest>): void {
  const { pending, refused } = step.state;
  const { message, digest } = request;
  const forGood = answerOf(step.state, request);
  // While it waited its timestamp may have been given up or given to another, or its session have ended.
  if (forGood) endWaiting(step, request, forGood);
  const results = forGood ?? refused.lookup(digest, step.state.clock.elapsedMs);
  if (results) return answer(step, request, results);
  if (pending.has(request)) return step.discard(message.kind, null, "duplicate");
  const { statusIntervalMs } = step.env.settings;
  // Nothing can be ordered before the state machine was mended: who asks is to know that at once.
  const isStuck = step.state.unsealed !== null && step.state.lastProposed >= step.state.log.high;
  const entry = isStuck ? null : pending.add(request, (step.now + statusIntervalMs) as Millis);
  if (!entry) {
    step.admission = "full";
    return step.discard(message.kind, null, "buffer-full");
  }
  step.event({ kind: "request-received", digest });
  const ours = message.kind === "gateway-request" && message.gateway === step.self;
  if (ours && !step.isPrimary) relay(step, entry, step.primary);
}

/** Passes a waiting request on, ever more rarely. A signed client has sent it to the primary itself. */
export function relay(step: Step, entry: PendingRequest, to: ReplicaId | "all"): void {
  step.send(to, entry.request);
  entry.relayAt = (step.now + entry.relayIntervalMs) as Millis;
  entry.relayIntervalMs = Math.min(2 * entry.relayIntervalMs, step.env.settings.idleStatusMs);
}
