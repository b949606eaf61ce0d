/** The hash over the whole register up to an entry. */
// deno-lint-ignore no-import-prefix -- in the import map everybody who runs a replica would download it
import { sha256 } from "npm:@noble/hashes@2.4.0/sha2.js";
import type { Entry } from "./machine.ts";

/** The root while there is no entry. */
export const NO_ENTRIES = "0".repeat(64);

/** The root after an entry: a hash over the root before it and all that the entry says. */
export function rootAfter(before: string, entry: Omit<Entry, "root">): string {
  const { number, name, version, digest, publisher, by, time, sequence } = entry;
  // A list, as a record's fields may come in any order.
  const text = JSON.stringify([before, number, name, version, digest, publisher, by, time, sequence]);
  return [...sha256(new TextEncoder().encode(text))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
