/**
 * A mutant: a small bug, planted on purpose, that the simulator must find and name.
 * @module
 */
import type { Invariant } from "../../src/testing/mod.ts";

/** One change of text. */
export interface Edit {
  /** The file, from the project's root. */
  readonly file: string;
  /** Occurs in it exactly once. */
  readonly find: string;
  readonly replace: string;
}

/** A planted bug. */
export interface Mutant {
  /** `what-is-wrong`, unique. */
  readonly name: string;
  /** Why it is a bug, with the paper's section where it has one. */
  readonly why: string;
  readonly edits: readonly Edit[];
  /** The invariants that rightly name it. */
  readonly breaks: readonly Invariant[];
}

/** The file's text with the edit made. @throws {RangeError} if `find` does not occur exactly once. */
export function applyEdit(text: string, { file, find, replace }: Edit): string {
  const times = text.split(find).length - 1;
  if (times !== 1) throw new RangeError(`${file}: expected once, found ${times} times: ${find}`);
  return text.replace(find, () => replace);
}

/** Where a list of mutants is about one file, this makes them shorter to write. */
export function inFile(file: string): (find: string, replace: string) => Edit {
  return (find, replace) => ({ file, find, replace });
}
