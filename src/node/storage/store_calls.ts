/**
 * A replica's calls of its store: each has an end.
 * @module
 */
import { millis } from "../../core/messages/ids.ts";
import { type Store, StoreConflictError, type Timer, type Version, type Writes } from "../ports.ts";
import { StoreTimeoutError } from "./store_errors.ts";

/** What {@linkcode bounded} needs. */
export interface BoundedOptions {
  readonly timer: Timer;
  /** A call that takes longer has failed, ms. */
  readonly timeoutMs: number;
}

/**
 * The store, with an end to each call. One that has none in time rejects with {@linkcode StoreTimeoutError}. A commit may be made all
 * the same, later: it is conditional, so that whoever has committed meanwhile is not harmed by it, and who has not finds a conflict.
 *
 * A commit of nothing shows that nobody else has written. Where the store can tell its version it costs no write.
 */
export function bounded(store: Store, { timer, timeoutMs }: BoundedOptions): Store {
  const within = <T>(what: string, call: () => Promise<T>) => withEnd(call, { what, timer, timeoutMs });
  return {
    load: () => within("load", () => store.load()),
    read: (digests) => within("read", () => store.read(digests)),
    commit: (writes, expected) =>
      within(
        "commit",
        () => isEmpty(writes) && store.version ? confirm(store, expected) : store.commit(writes, expected),
      ),
    ...(store.version && { version: () => within("version", () => store.version!()) }),
    ...(store.check && { check: () => within("check", () => store.check!()) }),
    ...(store.setAside && { setAside: () => within("setAside", () => store.setAside!()) }),
    close: () => within("close", () => store.close()),
  };
}

function isEmpty({ records, blobs }: Writes): boolean {
  return records.size === 0 && blobs.size === 0;
}

async function confirm(store: Store, expected: Version): Promise<Version> {
  const found = await store.version!();
  if (found === expected) return expected;
  throw new StoreConflictError(expected, found);
}

function withEnd<T>(call: () => Promise<T>, { what, timer, timeoutMs }: BoundedOptions & { what: string }): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new StoreTimeoutError(`the store has not answered ${what}() for ${timeoutMs} ms`));
    const cancel = timer.schedule(millis(timer.now() + timeoutMs), late);
    call().then(resolve, reject).finally(cancel);
  });
}
