/**
 * Inputs that a host has stored because it may stop the replica between any two inputs.
 * @module
 */
import { finalAnswerOf, proposedRequests } from "./answers.ts";
import type { MessageInput } from "../io.ts";
import type { Step } from "../step.ts";

/** Takes up stored inputs again after a restart: the others' votes, and pending requests. */
export function replayKept(step: Step, kept: readonly MessageInput[], dispatch: (input: MessageInput) => void): void {
  const { pending } = step.state;
  const proposed = proposedRequests(step);
  for (const input of kept) {
    if (input.kind !== "request") {
      dispatch(input);
      continue;
    }
    if (pending.has(input.request) || finalAnswerOf(step.state, input.request)) continue;
    // The request has waited already, so it is relayed to the primary when the next status is due.
    const entry = pending.add(input.request, step.now);
    if (entry && proposed.has(input.request.digest)) pending.propose(entry);
  }
}
