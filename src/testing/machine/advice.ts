/**
 * Advice to the author of a state machine.
 * @module
 */
import { LATER } from "../../guard/advice.ts";

/** Of a machine that left the results to more than the state. */
export const FOLLOWS =
  "the result must follow from the state, the operation and the context alone; what is not in the chunks is no state, be it a variable or the order of a Map; stacks of errors, and __proto__ as a key, differ between runtimes";
/** Of what is left in the objects of the language. */
export const SHARED =
  "another replica does not have it: keep it in the state; for names that clients choose use a Map, or Object.create(null)";
/** Of large results. */
export const PAGES =
  "clients get a rejection in its place, while the operation counts: give parts, or have more in the cluster's limits";
/** Of `restore`. */
export const RESTORE = "restore() must put in place exactly what takeChanges() gave";
/** Of a change without a result. */
export const CHECK_FIRST =
  "check everything before the first change, or change a copy; typed machines do so by themselves";
/** Of a read that is no read where it is executed. */
export const ORDERED_READ =
  "a client has a read ordered if no quorum of replicas gives equal answers: execute() must answer what query() answers and change nothing, or query() must throw an OperationError for what is no read";
/** Of a failure. */
const REJECT = "throw an OperationError, or call reject(), to reject; and return a Uint8Array at once";
const JSON_ONLY = "results and values are JSON: texts, finite numbers, true, false, null, lists and plain objects";

/** What to do about an operation or a query that failed so. */
export function adviceOn(failure: string): string {
  if (failure.includes("expected JSON, got")) return JSON_ONLY;
  if (/\bpromise\b|asynchronous/.test(failure)) return LATER;
  if (failure.includes("which may not write")) return "a query changes nothing; make it an operation";
  return REJECT;
}
