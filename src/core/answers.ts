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
