/**
 * Inputs that a host has kept because it may stop the replica between any two of them.
 * @module
 */
import { answerOf } from "./answers.ts";
import type { MessageInput } from "../io.ts";
import type { Step } from "../step.ts";

/** Takes up again what was taken in before a restart and is not done with: others' votes, and requests that wait. */
export function takeUpKept(step: Step, kept: readonly MessageInput[], dispatch: (input: MessageInput) => void): void {
  const { pending } = step.state;
  const proposed = proposedRequests(step);
  for (const input of kept) {
    if (input.kind !== "request") {
      dispatch(input);
      continue;
    }
    if (pending.has(input.request) || answerOf(step.state, input.request)) continue;
    // It has waited already: it goes to the primary when the next status is due.
    const entry = pending.add(input.request, step.now);
    if (entry && proposed.has(input.request.digest)) pending.propose(entry);
  }
}

/** What is in the batches of this view already, and is not to be given another number. */
function proposedRequests({ state }: Step): ReadonlySet<string> {
  const open = state.log.slots().filter(({ sequence, prePrepare }) =>
    sequence > state.lastExecuted && prePrepare?.message.view === state.view
  );
  return new Set(open.flatMap(({ batch }) => batch?.requests.map(({ digest }) => digest) ?? []));
}
