/**
 * What a start says of its store. An empty store may be a new replica's, or that of one whose disk was lost, and only whoever runs it
 * knows: a replica that has voted and takes itself for a new one votes a second time.
 * @module
 */
import { isNewKey } from "../../crypto/mod.ts";
import { StartError } from "./store_errors.ts";

/**
 * `resume`: the store has what this replica did before; an empty one is refused. `new`: the replica has never run anywhere; a store that
 * has something is refused, unless the host starts replicas at will. `recover`: what the replica did before is lost, or only an old copy
 * is left, or what is left is damaged: it votes in nothing until the others have left behind every number in which it may have voted.
 */
export type Start = "new" | "resume" | "recover";

/** All of them. */
export const STARTS: readonly Start[] = ["new", "resume", "recover"];

/** What an option, a variable or an argument says of a start. @throws {TypeError} naming `field`. */
export function parseStart(text: string, field: string): Start {
  const start = STARTS.find((start) => start === text);
  if (start) return start;
  throw new TypeError(`${field}: expected new, resume or recover, got ${JSON.stringify(text)}`);
}

/** What a host says of a start. */
export interface StartOptions {
  /**
   * What the store is: that of a replica that has never run (`new`), what this one did before (`resume`), or not all of that (`recover`:
   * its disk was lost, or is an old copy, or is damaged). After `recover` the replica votes in nothing until the others have left behind
   * every number in which it may have voted; it counts among the f. That is kept in the store, so it is to be said once. Default:
   * `resume`, which refuses an empty store; `new` for the first replica with a key that `generateKeyPair` has made in this process.
   */
  readonly start?: Start | undefined;
  /** As it was called before: `start: "recover"`. */
  readonly hasLostDisk?: boolean | undefined;
}

/** What a start of the replica with this key is. @throws {TypeError} if it is none of the three. */
export function startOf({ start, hasLostDisk }: StartOptions, publicKey: string): Start {
  if (start !== undefined) return parseStart(start, "start");
  if (hasLostDisk) return "recover";
  return isNewKey(publicKey) ? "new" : "resume";
}

/** Why an empty store is not resumed, and what may be meant. */
export function emptyStoreError(name: string, what = "the store is empty"): StartError {
  return new StartError(
    `start: ${what}, expected what ${name} has done so far. If ${name} has never run anywhere, start it as "new" ` +
      `(--start new, PBFT_START=new); if what it had was lost, moved or emptied, as "recover" (--start recover, PBFT_START=recover)`,
  );
}
