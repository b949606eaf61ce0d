/**
 * What most pages never need: watching, following a chain of epochs, verifying proofs. It is loaded when something of it is needed first, so
 * that a page's client is small.
 * @module
 */
import type * as Parts from "./parts.ts";

/** Loads these parts. */
export function later(): Promise<typeof Parts> {
  return import("./parts.ts");
}
