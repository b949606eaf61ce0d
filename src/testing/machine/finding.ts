/**
 * The fault of a state machine, in words.
 * @module
 */
import { type Call, shown } from "../world/observed_core.ts";
import type { Invariant } from "../violation.ts";
import type { MachineFault, MachineFinding } from "./fault.ts";

/** Which invariant does not hold with each mistake. */
export const INVARIANTS: Readonly<Record<MachineFault, Invariant>> = {
  failure: "machine",
  "not-deterministic": "determinism",
  result: "determinism",
  state: "integrity",
  change: "machine",
};

/** The operation of a call, shortened. */
export function operationOf({ operation }: Pick<Call, "operation">): string {
  return short(shown(operation));
}

/** The caller of a call. */
export function callerOf({ client, sequence }: Pick<Call, "client" | "sequence">): string {
  return `${client.replace(/^name:/, "").slice(0, 12)} in batch ${sequence}`;
}

/** A text, shortened. */
export function short(text: string): string {
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}

/** The finding in one line. */
export function lineOf({ what, operation, caller, said, at, advice }: MachineFinding): string {
  const gave = said.map(([who, what]) => `${who} ${what}`).join(", ");
  return `${operation} of ${caller}: ${what}${gave && `: ${gave}`}${at === null ? "" : `; differs at ${at}`}${
    advice === null ? "" : `; ${advice}`
  }`;
}
