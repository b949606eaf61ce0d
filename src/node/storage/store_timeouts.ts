/**
 * Adds timeouts to a store.
 * @module
 */
import { millis } from "../../core/messages/ids.ts";
import { type Store, StoreConflictError, type Timer, type Version, type Writes } from "../ports.ts";
import { StoreTimeoutError } from "./store_errors.ts";

/** Options of {@linkcode withTimeouts}. */
export interface StoreTimeoutOptions {
  readonly timer: Timer;
  /** Timeout of each call, ms. */
  readonly timeoutMs: number;
}

/**
 * Returns the store with a timeout for each call. A late call rejects with {@linkcode StoreTimeoutError}. A late commit
 * may still take effect. It is conditional on the version, so it can't harm an instance that has committed in the
 * meantime; and if it takes effect first, the other instance gets a conflict.
 *
 * A commit of no writes checks that no other instance has written. If the store can tell its version, that costs no
 * write.
 */
export function withTimeouts(store: Store, { timer, timeoutMs }: StoreTimeoutOptions): Store {
  const within = <T>(what: string, call: () => Promise<T>) => withTimeout(call, { what, timer, timeoutMs });
  // Its type wants each ability, so that a new one gets a timeout as well.
  const timed: { readonly [ability in keyof Required<Store>]: Store[ability] } = {
    load: () => within("load", () => store.load()),
    read: (digests) => within("read", () => store.read(digests)),
    commit: (writes, expected) =>
      within(
        "commit",
        () => isEmpty(writes) && store.version ? confirm(store, expected) : store.commit(writes, expected),
      ),
    version: store.version && (() => within("version", () => store.version!())),
    newer: store.newer && ((than) => within("newer", () => store.newer!(than))),
    check: store.check && (() => within("check", () => store.check!())),
    setAside: store.setAside && (() => within("setAside", () => store.setAside!())),
    dropCache: store.dropCache && (() => within("dropCache", () => store.dropCache!())),
    close: () => within("close", () => store.close()),
  };
  return timed;
}

function isEmpty({ records, blobs }: Writes): boolean {
  return records.size === 0 && blobs.size === 0;
}

async function confirm(store: Store, expected: Version): Promise<Version> {
  const found = await store.version!();
  if (found === expected) return expected;
  throw new StoreConflictError(expected, found);
}

function withTimeout<T>(
  call: () => Promise<T>,
  { what, timer, timeoutMs }: StoreTimeoutOptions & { what: string },
): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new StoreTimeoutError(`the store has not answered ${what}() for ${timeoutMs} ms`));
    const cancel = timer.schedule(millis(timer.now() + timeoutMs), late);
    call().then(resolve, reject).finally(cancel);
  });
}
