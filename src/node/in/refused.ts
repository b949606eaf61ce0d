/**
 * How a frame is turned away while it is checked.
 * @module
 */
import { DecodeError } from "../../wire/mod.ts";
import type { Rejection, RejectionReason } from "../ports.ts";

/** A frame that doesn't pass; never leaves the gate. */
export class Refused extends Error {
  constructor(readonly reason: RejectionReason, detail: string) {
    super(detail);
  }
}

/** Why it does not pass. @throws what is no verdict on a frame. */
export function refusal(error: unknown, kind: Rejection["kind"]): Rejection {
  if (error instanceof Refused) return { reason: error.reason, kind, detail: error.message };
  if (error instanceof DecodeError) {
    return { reason: error.tooLarge ? "too-large" : "malformed", kind, detail: error.message };
  }
  throw error;
}
