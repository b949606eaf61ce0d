/**
 * What a replica says to whoever's request was executed.
 * @module
 */
import type { AnyRequest, Result, SignedRequest } from "./messages.ts";
import type { ReplicaState, Step } from "./state.ts";

/** What a request is answered for good, from memory; `null`: it is to be ordered. */
export function answerOf(
  { clients, lastExecuted, agreedTime }: Pick<ReplicaState, "clients" | "lastExecuted" | "agreedTime">,
  { message, digest }: SignedRequest,
): readonly Result[] | null {
  return message.kind === "request"
    ? clients.lookup(message, digest, lastExecuted)
    : clients.lookupAll(message, agreedTime);
}

/** Replies to a client, or to the gateway that vouches for some. */
export function answer(step: Step, { message, digest }: SignedRequest, results: readonly Result[]): void {
  const { self, state: { view } } = step;
  step.reply(addressOf(message), { kind: "reply", replica: self, view, request: digest, results });
}

function addressOf(message: AnyRequest): Parameters<Step["reply"]>[0] {
  return message.kind === "request" ? { client: message.client } : { gateway: message.gateway };
}

/** A request is decided: so is another one that waits under its client and timestamp, which gets its own answer. */
export function endWaiting(step: Step, request: SignedRequest): void {
  const { pending } = step.state;
  const waiting = pending.find(request)?.request;
  if (!waiting) return;
  const results = waiting.digest === request.digest ? null : answerOf(step.state, waiting);
  // What was refused for a reason that may pass decides nothing about the other.
  if (waiting.digest !== request.digest && !results) return;
  pending.remove(request);
  if (results) answer(step, waiting, results);
}
