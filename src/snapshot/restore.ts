/**
 * Restores a snapshot into the store of a member that lost its disk. The member may have voted after the snapshot was
 * taken, so it recovers as from a lost disk (see core/recovery/lost_disk.ts): it has the state at once, and votes again
 * when a checkpoint above all that it may have signed is stable.
 * @module
 */
import type { Digest, ReplicaId } from "../core/messages/ids.ts";
import type { Record } from "../core/records.ts";
import type { Genesis } from "../core/config.ts";
import { clusterId, sha256 } from "../crypto/mod.ts";
import type { Store, Version } from "../node/ports.ts";
import { enterEpoch, isOfFormerVersion } from "../node/epochs/chain_store.ts";
import { claimStore } from "../node/storage/identity.ts";
import { markLostDisk } from "../node/storage/opening.ts";
import { RecordWriter, WriteSet } from "../node/storage/record_writer.ts";
import type { ProvenHead } from "./manifest.ts";
import { SnapshotError } from "./snapshot_error.ts";
import type { SnapshotStorage } from "./storage/storage.ts";
import {
  openSnapshot,
  type SnapshotChoice,
  type VerifiedSnapshot,
  type VerifiedState,
  verifySnapshot,
  verifyState,
} from "./verify.ts";

/** The most bytes of blobs in one commit. */
const COMMIT_BYTES = 1024 * 1024;
/** The most blobs in one commit. */
const COMMIT_BLOBS = 256;

/**
 * Restores the state of a snapshot into an empty store. Afterwards the replica is started as usual (`resume`); the store
 * knows that it has to recover. A restore that was interrupted leaves a store that recovers over the network. `self`: the
 * member's number in the last epoch that the snapshot and `choice.chain` know.
 * @throws {SnapshotError} if the snapshot is not proven or incomplete, or the store is not empty. In the latter two cases
 * nothing that a replica has done is lost.
 */
export async function restoreSnapshot(
  storage: SnapshotStorage,
  store: Store,
  self: ReplicaId,
  choice: SnapshotChoice = {},
): Promise<VerifiedSnapshot> {
  await checkEmpty(store);
  return await fillStore(storage, store, self, choice);
}

/** @throws {SnapshotError} if the store is not empty. */
async function checkEmpty(store: Store): Promise<void> {
  const { version, records } = await store.load();
  if (version === 0 && records.size === 0) return;
  throw new SnapshotError(
    `expected an empty store, got one at version ${version}: move the old store away first, or start it with "recover"`,
  );
}

/** Fills an empty store with the state of a snapshot, as that of a replica that lost its disk. */
export async function fillStore(
  storage: SnapshotStorage,
  store: Store,
  self: ReplicaId,
  choice: SnapshotChoice,
): Promise<VerifiedSnapshot> {
  const head = await openSnapshot(storage, choice);
  await claimAsLost(store, self, head);
  const filler = new StoreFiller(store, (await store.load()).version);
  const add = (digest: Digest, bytes: Uint8Array) => filler.add(digest, bytes);
  const { sequence, root, epoch, epochs, certificate } = head;
  const verified = await verifySnapshot(storage, { ...choice, sequence }, add);
  const isPresent = epoch === epochs.at(-1);
  await filler.finish([
    // A state of a former version of the machine can't be read. Its blobs stay, as fetched: the state transfer uses them.
    ...(isOfFormerVersion(epochs.slice(epoch.number), sequence) ? [] : [
      { kind: "checkpoint", sequence, root, retired: [] },
      ...(isPresent && certificate.length > 0 ? [{ kind: "stable", certificate }] as const : []),
      { kind: "fetched", digests: null },
    ] satisfies Record[]),
  ]);
  return verified;
}

/** The store becomes that of a member of the last epoch that is known, which has lost its disk. */
async function claimAsLost(store: Store, self: ReplicaId, { cluster, epochs, chain }: ProvenHead): Promise<void> {
  const { genesis, number } = epochs.at(-1)!;
  const member = genesis.replicas[self];
  if (!member) throw new SnapshotError(`self: expected 0 to ${genesis.replicas.length - 1}, got ${self}`);
  if (genesis.replicas.length === 1) {
    throw new SnapshotError(
      "expected a cluster of several members, got one of a single member, whom nobody tells what it has voted: " +
        "pbft init --from makes a new cluster that begins with the snapshot",
    );
  }
  if (number === 0) return await markLostDisk(store, { genesis, cluster, self });
  const { publicKey } = member;
  const entering = { links: chain, epochs, member: { self, publicKey }, hash: sha256, start: "recover" } as const;
  await enterEpoch(store, entering);
}

/** What a member of a new cluster is restored from. */
export interface OriginChoice {
  /** The genesis of the new cluster, which names the state with which it begins. */
  readonly genesis: Genesis;
  /** `new`: this member has never run. `recover`: it has lost its disk. */
  readonly start: "new" | "recover";
}

/**
 * Fills a store with the state with which a cluster begins, unless the store has a state already. The storage has the
 * snapshot of which the genesis was made; the genesis proves it. Afterwards the replica is started as usual (`resume`).
 * @throws {SnapshotError} if the genesis begins with no state, or the state is incomplete or damaged. Then the store has
 * no state, and the same call may be made again.
 */
export async function restoreOrigin(
  storage: SnapshotStorage,
  store: Store,
  self: ReplicaId,
  { genesis, start }: OriginChoice,
): Promise<VerifiedState> {
  const { origin } = genesis;
  if (!origin) throw new SnapshotError("genesis.origin: expected a state with which the cluster begins, got none");
  const identity = { genesis, cluster: clusterId(genesis), self };
  const { version, records } = await store.load();
  if (records.has("checkpoint")) {
    throw new SnapshotError(`expected a store without a state, got one with a state, at version ${version}`);
  }
  // Nothing is left of a state that is not sound.
  await verifyState(storage, origin);
  if (start === "recover") await markLostDisk(store, identity);
  else await claimStore(store, identity, version === 0 ? "new" : "resume");
  const filler = new StoreFiller(store, (await store.load()).version);
  const verified = await verifyState(storage, origin, (digest, bytes) => filler.add(digest, bytes));
  const { sequence, root } = origin;
  await filler.finish([
    { kind: "checkpoint", sequence, root, retired: [] },
    { kind: "fetched", digests: null },
  ]);
  return verified;
}

/** Writes blobs in commits of a bounded size, each named as fetched, so that an interrupted restore leaves no litter. */
class StoreFiller {
  readonly #store: Store;
  readonly #writer = new RecordWriter({ accepted: new Map(), prepared: new Map(), committed: new Map() });
  #version: Version;
  #blobs = new Map<Digest, Uint8Array>();
  #bytes = 0;
  /** One commit at a time, in order. */
  #committing: Promise<void> = Promise.resolve();

  constructor(store: Store, version: Version) {
    this.#store = store;
    this.#version = version;
  }

  async add(digest: Digest, bytes: Uint8Array): Promise<void> {
    this.#blobs.set(digest, bytes);
    this.#bytes += bytes.length;
    if (this.#bytes >= COMMIT_BYTES || this.#blobs.size >= COMMIT_BLOBS) await this.#flush();
  }

  /** Writes the rest, and then these records. */
  async finish(records: readonly Record[]): Promise<void> {
    await this.#flush();
    await this.#commit(records);
  }

  async #flush(): Promise<void> {
    const blobs = this.#blobs;
    this.#blobs = new Map();
    this.#bytes = 0;
    if (blobs.size === 0) return await this.#committing;
    await this.#commit([{ kind: "blobs", blobs }, { kind: "fetched", digests: [...blobs.keys()] }]);
  }

  async #commit(records: readonly Record[]): Promise<void> {
    const writes = new WriteSet();
    for (const record of records) this.#writer.write(record, writes);
    await (this.#committing = this.#committing.then(async () => {
      this.#version = await this.#store.commit(writes, this.#version);
    }));
  }
}
