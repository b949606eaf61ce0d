/**
 * Watching, following a chain of epochs, verifying proofs: most pages never need these. They are loaded at their first
 * use, so that a page's client is small.
 * @module
 */
import type * as Parts from "./parts.ts";

/** Loads these parts. */
export function later(): Promise<typeof Parts> {
  return import("./parts.ts");
}
