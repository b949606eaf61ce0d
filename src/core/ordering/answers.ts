/**
 * Answers to requests: from memory, and after execution.
 * @module
 */
import type { Digest } from "../messages/ids.ts";
import type { AnyRequest, Result, SignedRequest } from "../messages/messages.ts";
import type { ReplicaState } from "../state.ts";
import type { Step } from "../step.ts";
import type { OutgoingReply } from "../io.ts";

/** The final answer to a request from the client table; `null` if the request must be ordered. */
export function finalAnswerOf(
  { clients, lastExecuted, agreedTime }: Pick<ReplicaState, "clients" | "lastExecuted" | "agreedTime">,
  { message, digest }: SignedRequest,
): readonly Result[] | null {
  return message.kind === "request"
    ? clients.lookup(message, digest, lastExecuted)
    : clients.lookupAll(message, agreedTime);
}

/** Replies to the client, or to the gateway that vouches for the request. */
export function answer(step: Step, { message, digest }: SignedRequest, results: readonly Result[]): void {
  const { self, state: { view } } = step;
  step.reply(addressOf(message), { kind: "reply", replica: self, view, request: digest, results });
}

function addressOf(message: AnyRequest): OutgoingReply["to"] {
  return message.kind === "request" ? { client: message.client } : { gateway: message.gateway };
}

/**
 * Removes and answers all pending requests whose outcome is known by now, in whatever way. They were executed in
 * numbers that this replica skipped or under another digest, their timestamp was given up, their session was evicted,
 * or they have expired. Returns whether there were any. Outcomes follow from what was executed, and each request was looked up when it came.
 */
export function removeAnswered(step: Step): boolean {
  const { pending, lastExecuted } = step.state;
  if (pending.lookedUpAt === lastExecuted) return false;
  pending.lookedUpAt = lastExecuted;
  let some = false;
  for (const { request } of [...pending.entries()]) {
    const results = finalAnswerOf(step.state, request);
    if (!results) continue;
    pending.remove(request);
    answer(step, request, results);
    some = true;
  }
  return some;
}

/**
 * A request has got `results`. A pending request of the same client and timestamp then waits no more, and gets an
 * answer of its own.
 */
export function endWaiting(step: Step, request: SignedRequest, results: readonly Result[]): void {
  const { pending } = step.state;
  const waiting = pending.find(request)?.request;
  if (!waiting) return;
  pending.remove(request);
  if (waiting.digest === request.digest) return;
  // No answer of its own means that the request was refused for a reason that may pass. So is the waiting one.
  answer(step, waiting, finalAnswerOf(step.state, waiting) ?? waiting.message.operations.map(() => results[0]!));
}

/** The requests that are in batches of this view, not executed yet. They must not get a second number. */
export function proposedRequests({ state }: Step): ReadonlySet<Digest> {
  const open = state.log.slots().filter(({ sequence, prePrepare }) =>
    sequence > state.lastExecuted && prePrepare?.message.view === state.view
  );
  return new Set(open.flatMap(({ batch }) => batch?.requests.map(({ digest }) => digest) ?? []));
}

/**
 * A state transfer has skipped numbers that this primary has proposed. The others have executed them, and refused those
 * requests of which the state knows nothing ({@linkcode removeAnswered}). They wait no more: proposed once more, a request
 * could be executed after its client was told that it never will be.
 */
export function dropSkipped(step: Step): void {
  const { pending } = step.state;
  if (!step.isActive) return; // the next view proposes all of them again
  const open = proposedRequests(step);
  for (const { request, proposed } of [...pending.entries()]) {
    if (proposed && !open.has(request.digest)) pending.remove(request);
  }
}
