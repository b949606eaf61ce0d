/**
 * What a replica says to whoever's request was executed.
 * @module
 */
import type { AnyRequest, Result, SignedRequest } from "../messages/messages.ts";
import type { ReplicaState } from "../state.ts";
import type { Step } from "../step.ts";

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

/**
 * Ends the waiting of all requests whose outcome is known by now, whatever made it known: they were executed in numbers that this
 * replica skipped or under another digest, their timestamp was given up, their session is over, they have expired. Whether there were any.
 */
export function endAnswered(step: Step): boolean {
  const { pending } = step.state;
  let some = false;
  for (const { request } of [...pending.entries()]) {
    const results = answerOf(step.state, request);
    if (!results) continue;
    pending.remove(request);
    answer(step, request, results);
    some = true;
  }
  return some;
}

/** A request got `results`: that ends the waiting of whatever waits under its client and timestamp, which gets an answer of its own. */
export function endWaiting(step: Step, request: SignedRequest, results: readonly Result[]): void {
  const { pending } = step.state;
  const waiting = pending.find(request)?.request;
  if (!waiting) return;
  pending.remove(request);
  if (waiting.digest === request.digest) return;
  // With none of its own the request was refused for a reason that may pass: so is the other.
  answer(step, waiting, answerOf(step.state, waiting) ?? waiting.message.operations.map(() => results[0]!));
}
