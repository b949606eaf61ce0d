/**
 * One replica, without a network, that is told what a quorum decided, number by number. The replica's own code executes.
 * @module
 */
import { AT_ONCE, DEFAULT_SETTINGS, type Genesis } from "../../core/config.ts";
import type { MachineVersions } from "../../core/epochs/versions.ts";
import type { Input, Ready } from "../../core/io.ts";
import type { Digest, Millis, ReplicaId, SequenceNumber } from "../../core/messages/ids.ts";
import type { Batch, Checkpoint, Commit, Decision, Signed, Verified } from "../../core/messages/messages.ts";
import { quorum } from "../../core/messages/quorum.ts";
import { Replica } from "../../core/replica.ts";
import { createVerifier, sha256 } from "../../crypto/mod.ts";
import { createEnvironment, sign, withDigest } from "../../node/environment.ts";
import { enterEpoch } from "../../node/epochs/chain_store.ts";
import { configurePort, termsOf } from "../../node/epochs/cryptography.ts";
import { CRYPTOGRAPHY } from "../../node/options.ts";
import type { ArchivedBatch, Signer, Store, Verifier } from "../../node/ports.ts";
import { BlobReader } from "../../node/storage/blob_reader.ts";
import { restore, type Restored } from "../../node/storage/opening.ts";
import { WriteSet } from "../../node/storage/record_writer.ts";
import type { Epoch } from "../../wire/epochs/mod.ts";
import { decodeBatch, decodeFrame, SIGNATURE_BYTES, wireLimits } from "../../wire/mod.ts";
import { fillStore } from "../restore.ts";
import { SnapshotError } from "../snapshot_error.ts";
import type { SnapshotStorage } from "../storage/storage.ts";

/** Signs what this one replica is told in the names of others. Nothing of it leaves. */
const NOBODY: Signer = { publicKey: "", sign: () => new Uint8Array(SIGNATURE_BYTES) };

/** The replica in whose place the audit executes. It signs nothing that leaves. */
const SELF = 0 as ReplicaId;
/** Nothing waits for this replica. */
const SETTINGS = { ...DEFAULT_SETTINGS, checkpointSliceBytes: AT_ONCE };
/** The default of {@linkcode AuditorOptions.memoryBytes}. */
const MEMORY_BYTES = 32 * 1024 * 1024;

/** What an auditor needs. */
export interface AuditorOptions {
  readonly genesis: Genesis;
  readonly storage: SnapshotStorage;
  readonly store: Store;
  /**
   * The number of the snapshot of this cluster to start from. Default: the empty state, or the snapshot at the number of
   * the cluster's origin.
   */
  readonly from?: number;
  readonly versions: MachineVersions;
  /** All epochs that are known, and the links that lead to the last one. */
  readonly epochs: readonly Epoch[];
  readonly chain: readonly Uint8Array[];
  /** Once the replica has read and made so many bytes of blobs, it starts anew on its store. */
  readonly memoryBytes?: number;
}

/** The replica, over its epochs. */
export class Auditor {
  readonly #options: AuditorOptions;
  readonly #store: Store;
  #epoch: Epoch;
  #verifier!: Verifier;
  #core!: Replica;
  #write!: (ready: Ready) => Promise<void>;
  #now = 0 as Millis;
  /** The bytes of blobs that were read and made since the last start. */
  #touched = 0;
  #isLazy = false;

  private constructor(options: AuditorOptions, epoch: Epoch) {
    this.#options = options;
    this.#store = options.store;
    this.#epoch = epoch;
  }

  static async open(options: AuditorOptions): Promise<Auditor> {
    const { genesis, storage, store, epochs, from = genesis.origin?.sequence } = options;
    if (from === undefined) return await new Auditor(options, epochs[0]!).#start("new");
    const { epoch } = await fillStore(storage, store, SELF, { genesis, sequence: from });
    return await new Auditor(options, epochs[epoch.number]!).#start("resume");
  }

  /** The epoch of the next batch, unless it is over. */
  get epoch(): Epoch {
    return this.#epoch;
  }

  get lastExecuted(): SequenceNumber {
    return this.#core.status().lastExecuted;
  }

  get history(): Digest {
    return this.#core.status().history;
  }

  /** Goes on in the next epoch, from the state at the end of this one. */
  async enterNext(): Promise<void> {
    const { epochs, chain } = this.#options;
    const next = epochs[this.#epoch.number + 1]!;
    const { sequence } = next.start!;
    if (this.lastExecuted !== sequence) {
      throw new SnapshotError(
        `batch ${this.lastExecuted + 1}: expected one of epoch ${next.number}, after ${sequence}`,
      );
    }
    const member = { self: SELF, publicKey: next.genesis.replicas[SELF]!.publicKey };
    const links = chain.slice(0, next.number);
    await enterEpoch(this.#store, { links, epochs: [this.#epoch, next], member, hash: sha256, start: "resume" });
    this.#epoch = next;
    await this.#start("resume");
  }

  /** Executes a batch; returns the state's root if a checkpoint was taken after it. */
  async execute(archived: ArchivedBatch): Promise<Digest | null> {
    const { sequence, digest } = archived;
    const commits = this.#commitsOf(archived);
    const batch = this.#batchOf(archived);
    this.#now = Math.max(this.#now, batch.timestamp) as Millis;
    const decision: Decision = { kind: "decision", replica: 1 as ReplicaId, commits };
    await this.#step({ kind: "decision", decision: sign(NOBODY, decision) });
    await this.#step({ kind: "blobs", from: 1 as ReplicaId, blobs: [{ digest, bytes: batch.bytes, batch }] });
    if (this.lastExecuted !== sequence) {
      throw new SnapshotError(
        `batch ${sequence}: expected that it can be executed, the replica is at ${this.lastExecuted}`,
      );
    }
    const { stateRoot } = this.#core.status();
    const { checkpointInterval, replicas } = this.#epoch.genesis;
    if (sequence % checkpointInterval !== 0 || stateRoot === null) return null;
    // The window moves on as if a quorum had the same state. That is compared with the snapshots.
    for (let id = 1; id < quorum(replicas.length) && this.#core.stable[0]?.message.sequence !== sequence; id++) {
      const checkpoint: Checkpoint = { kind: "checkpoint", replica: id as ReplicaId, sequence, digest: stateRoot };
      await this.#step({ kind: "checkpoint", checkpoint: sign(NOBODY, checkpoint) });
    }
    await this.#rest(sequence);
    return stateRoot;
  }

  /** Forgets what is in memory, if that is much: the store has it, and a machine with lazy loading reads it again by need. */
  async #rest(sequence: SequenceNumber): Promise<void> {
    const isStable = this.#core.stable[0]?.message.sequence === sequence;
    if (this.#isLazy && isStable && this.#touched >= (this.#options.memoryBytes ?? MEMORY_BYTES)) {
      await this.#start("resume");
    }
  }

  /** Starts the replica of the present epoch on what the store has. */
  async #start(start: "new" | "resume"): Promise<this> {
    const { versions } = this.#options;
    const epoch = this.#epoch;
    const { genesis, cluster, context, number } = epoch;
    const stateMachine = versions.create(genesis.stateMachine);
    const lazyLoading = this.#isLazy = stateMachine.lazyLoading !== undefined;
    this.#touched = 0;
    const identity = { genesis, cluster, epoch: number, self: SELF };
    const restored = await restore(this.#store, identity, { lazyLoading, start });
    const environment = createEnvironment({
      self: SELF,
      genesis: termsOf(epoch),
      settings: SETTINGS,
      stateMachine,
      versions,
      signer: NOBODY,
      configure: configurePort(epoch, CRYPTOGRAPHY),
    });
    // It has not lost a disk: it votes in nothing that leaves.
    const { lostDisk: _, ...storedState } = restored.storedState;
    this.#verifier = createVerifier(context, number);
    this.#core = new Replica(environment, storedState);
    this.#write = writing(this.#store, restored);
    await this.#step({ kind: "start" });
    return this;
  }

  /** Takes a step, and reads what the core needs of its store. */
  async #step(input: Input): Promise<void> {
    let ready = this.#core.step(input, this.#now);
    await this.#written(ready);
    while (ready.loads.length > 0) {
      const blobs = await new BlobReader(this.#store, sha256).read(ready.loads);
      this.#touched += sizeOf(blobs);
      ready = this.#core.step({ kind: "loaded", blobs }, this.#now);
      await this.#written(ready);
    }
  }

  async #written(ready: Ready): Promise<void> {
    for (const record of ready.records) if (record.kind === "blobs") this.#touched += sizeOf(record.blobs);
    await this.#write(ready);
  }

  #batchOf({ sequence, digest, batch: bytes }: ArchivedBatch): Verified<Batch> {
    if (sha256(bytes) !== digest) {
      throw new SnapshotError(`batch ${sequence}: expected bytes with the digest ${digest}`);
    }
    const { timestamp, requests } = decoded(sequence, () => decodeBatch(bytes, this.#epoch.genesis.limits));
    return {
      digest,
      bytes,
      timestamp,
      requests: requests.map((request) => withDigest(request)),
    } as unknown as Verified<Batch>;
  }

  #commitsOf({ sequence, digest, commits }: ArchivedBatch): readonly Signed<Commit>[] {
    const { genesis } = this.#epoch;
    const { replicas } = genesis;
    const refuse = (why: string) => new SnapshotError(`batch ${sequence}: not proven: ${why}`);
    const proof = commits.map((frame) => {
      const { signed: { message, bytes, signature } } = decoded(
        sequence,
        () => decodeFrame(frame, wireLimits(genesis)),
      );
      const member = "replica" in message ? replicas[message.replica] : undefined;
      if (message.kind !== "commit" || !member) throw refuse("expected commits of members");
      if (message.sequence !== sequence || message.digest !== digest) throw refuse("a commit is for another batch");
      if (!this.#verifier.verify(member.publicKey, "commit", bytes, signature)) {
        throw refuse(`a signature is not ${member.name}'s`);
      }
      return { message, bytes, signature };
    });
    const signers = new Set(proof.map(({ message }) => message.replica));
    const views = new Set(proof.map(({ message }) => message.view));
    if (signers.size < quorum(replicas.length) || views.size !== 1) throw refuse("expected a quorum in one view");
    return proof;
  }
}

/** @throws {SnapshotError} if an archived batch, or its proof, can't be decoded. */
function decoded<T>(sequence: SequenceNumber, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw new SnapshotError(
      `batch ${sequence}: expected an archived batch, got other bytes: ${(error as Error).message}`,
    );
  }
}

/** Writes what the core records. */
function writing(store: Store, { writer, ...restored }: Restored): (ready: Ready) => Promise<void> {
  let { version } = restored;
  return async ({ records }) => {
    if (records.length === 0) return;
    const writes = new WriteSet();
    for (const record of records) writer.write(record, writes);
    version = await store.commit(writes, version);
  };
}

function sizeOf(blobs: ReadonlyMap<Digest, Uint8Array>): number {
  let bytes = 0;
  for (const { length } of blobs.values()) bytes += length;
  return bytes;
}
