/**
 * Errors by which the check of a frame ends in a rejection.
 * @module
 */
import { DecodeError } from "../../wire/mod.ts";
import type { Rejection, RejectionReason } from "../ports.ts";

/** The frame is rejected. Never leaves the gate. */
export class Refused extends Error {
  constructor(readonly reason: RejectionReason, detail: string) {
    super(detail);
  }
}

/** Turns an error of a check into a rejection. @throws any other error unchanged. */
export function refusal(error: unknown, kind: Rejection["kind"]): Rejection {
  if (error instanceof Refused) return { reason: error.reason, kind, detail: error.message };
  if (error instanceof DecodeError) {
    return { reason: error.tooLarge ? "too-large" : "malformed", kind, detail: error.message };
  }
  throw error;
}

/** Whether the rejection is the sender's fault. */
export function isFault({ reason }: Rejection): boolean {
  return reason !== "overloaded" && reason !== "unavailable";
}
