/**
 * Fills a store with the state with which the cluster begins: the same on every runtime.
 * @module
 */
import { importKeyPair } from "../../crypto/mod.ts";
import { placeIn } from "../../node/epochs/place.ts";
import type { Store } from "../../node/ports.ts";
import { startOf, type StartOptions } from "../../node/storage/start.ts";
import { restoreOrigin } from "../../snapshot/restore.ts";
import type { SnapshotStorage } from "../../snapshot/storage/storage.ts";
import type { ClusterFile } from "../../wire/mod.ts";

/** What a store is filled from at the first start of a cluster that begins with a state. */
export interface OriginOptions extends StartOptions {
  readonly cluster: ClusterFile;
  readonly privateKey: string;
  /** Where the snapshot is of which the genesis was made. */
  readonly origin?: SnapshotStorage | undefined;
}

/**
 * Fills a store with the state with which the cluster begins, if it has none yet. Returns how the replica is started then.
 * @throws {TypeError} if the cluster begins with an empty state; {@linkcode SnapshotError} if the snapshot is another one.
 */
export async function fillFromOrigin(
  store: Store,
  { cluster: { genesis }, privateKey, origin, ...options }: OriginOptions,
): Promise<StartOptions> {
  const asked: StartOptions = { start: options.start };
  if (!origin) return asked;
  if (!genesis.origin) {
    throw new TypeError("origin: expected a cluster that begins with a snapshot, got one that does not");
  }
  const { publicKey } = importKeyPair(privateKey);
  const place = placeIn({ genesis }, publicKey);
  const { version, records } = await store.load();
  const start = version === 0 ? startOf(asked, publicKey) : "new";
  // `resume` with an empty store is refused later: only the operator knows what it means. A store with a state needs no
  // snapshot.
  if (!place || records.has("checkpoint") || start === "resume") return asked;
  await restoreOrigin(origin, store, place.self, { genesis, start });
  return { start: "resume" };
}
