/**
 * The kinds of start. An empty store may belong to a new replica, or to one whose disk was lost. Only the operator
 * knows. If a replica that has voted is started as new, it may vote again differently.
 * @module
 */
import { isNewKey } from "../../crypto/mod.ts";
import { StartError } from "./store_errors.ts";

/**
 * - `resume`: the store contains what this replica did before; an empty store is refused.
 * - `new`: the replica has never run anywhere; a used store is refused, unless the host runs several instances.
 * - `recover`: the store is lost, an old copy, or damaged. The replica does not vote until the others have a stable
 *   checkpoint above every number in which it may have voted.
 */
export type Start = "new" | "resume" | "recover";

/** All kinds of start. */
export const STARTS: readonly Start[] = ["new", "resume", "recover"];

/**
 * Parses a kind of start from an option, an environment variable or an argument. @throws {TypeError} that names
 * `field`.
 */
export function parseStart(text: string, field: string): Start {
  const start = STARTS.find((start) => start === text);
  if (start) return start;
  throw new TypeError(`${field}: expected new, resume or recover, got ${JSON.stringify(text)}`);
}

/** Options for a start. */
export interface StartOptions {
  /**
   * What the store contains: nothing, as the replica has never run (`new`); everything that this replica did
   * (`resume`); or not everything (`recover`: the disk was lost, is an old copy, or is damaged). After `recover` the
   * replica does not vote until the others have a stable checkpoint above every number in which it may have voted;
   * until then it counts as one of the f faulty ones. The store records this, so give `recover` once only. Default:
   * `resume`, which refuses an empty store; `new` for the first replica with a key that `generateKeyPair` made in this
   * process.
   */
  readonly start?: Start | undefined;
}

/** The kind of start for the replica with this key. @throws {TypeError} if the option is invalid. */
export function startOf({ start }: StartOptions, publicKey: string): Start {
  if (start !== undefined) return parseStart(start, "start");
  return isNewKey(publicKey) ? "new" : "resume";
}

/** The error for an empty store with `resume`: it says what to do in either case. */
export function emptyStoreError(name: string, what = "the store is empty"): StartError {
  return new StartError(
    `start: ${what}, expected the records of ${name}. If ${name} has never run anywhere, start it as "new" ` +
      `(--start new, PBFT_START=new); if its store was lost, moved or emptied, as "recover" (--start recover, PBFT_START=recover)`,
  );
}
