/**
 * Audits a cluster's past: executes its archived batches again, from the genesis or from a snapshot, and compares the
 * state's root with that of every snapshot on the way. The replica's own code executes: one replica, without a network, is
 * told what a quorum decided, number by number.
 * @module
 */
import { DEFAULT_SETTINGS, type Genesis } from "../core/config.ts";
import type { Input, Ready } from "../core/io.ts";
import { type Digest, type Millis, type ReplicaId, type SequenceNumber, sequenceNumber } from "../core/messages/ids.ts";
import type { Batch, Checkpoint, Commit, Decision, Signed, Verified } from "../core/messages/messages.ts";
import { quorum } from "../core/messages/quorum.ts";
import { Replica } from "../core/replica.ts";
import type { StateMachine } from "../core/state_machine.ts";
import { clusterId, createVerifier, sha256 } from "../crypto/mod.ts";
import { createEnvironment, sign, withDigest } from "../node/environment.ts";
import type { ArchivedBatch, Signer, Store, Verifier } from "../node/ports.ts";
import { BlobReader } from "../node/storage/blob_reader.ts";
import { restore } from "../node/storage/opening.ts";
import { WriteSet } from "../node/storage/record_writer.ts";
import { decodeBatch, decodeFrame, SIGNATURE_BYTES, wireLimits } from "../wire/mod.ts";
import { archivedNumbers, readArchived } from "./storage/archive.ts";
import { fillStore } from "./restore.ts";
import { SnapshotError } from "./snapshot_error.ts";
import { manifestKeys, type SnapshotStorage } from "./storage/storage.ts";
import { openSnapshot } from "./verify.ts";

/** Signs what this one replica is told in the names of others. Nothing of it leaves. */
const NOBODY: Signer = { publicKey: "", sign: () => new Uint8Array(SIGNATURE_BYTES) };

/** What is audited. */
export interface AuditOptions {
  /** The genesis that the caller trusts. */
  readonly genesis: Genesis;
  /** The state machine, as it was then. */
  readonly stateMachine: () => StateMachine;
  /** The archived batches and the snapshots. */
  readonly storage: SnapshotStorage;
  /** An empty store for the state: in memory, or a file if the state is large. */
  readonly store: Store;
  /** The number of the snapshot to start from. Default: the genesis. */
  readonly from?: number;
  /** Is told which number was executed. */
  readonly onProgress?: (sequence: SequenceNumber) => void;
}

/** The result of an audit without objection. */
export interface AuditReport {
  /** The first number that was executed. If there was none, it is above {@linkcode through}. */
  readonly from: SequenceNumber;
  /** The last number that was executed. */
  readonly through: SequenceNumber;
  /** The numbers of the snapshots whose roots were compared. */
  readonly compared: readonly SequenceNumber[];
  /** The hash chain over all batches. */
  readonly history: Digest;
}

/** The replica in whose place the audit executes. It signs nothing that leaves. */
const SELF = 0 as ReplicaId;

/**
 * Executes all archived batches from the start on.
 * @throws {SnapshotError} naming the number: a batch is missing, not proven or damaged, or a root differs from a snapshot's.
 */
export async function audit(options: AuditOptions): Promise<AuditReport> {
  const { storage, genesis } = options;
  const auditor = await Auditor.open(options);
  const first = auditor.lastExecuted;
  const roots = await rootsAfter(storage, genesis, first);
  const compared: SequenceNumber[] = [];
  const numbers = (await archivedNumbers(storage)).filter((sequence) => sequence > first);
  for (const sequence of numbers) {
    const expected = sequenceNumber(auditor.lastExecuted + 1);
    if (sequence !== expected) {
      throw new SnapshotError(`batch ${expected}: expected an archived batch, the next one is ${sequence}`);
    }
    const root = await auditor.execute(await readArchived(storage, sequence));
    options.onProgress?.(sequence);
    const known = roots.get(sequence);
    if (known === undefined) continue;
    if (root !== known) {
      throw new SnapshotError(
        `the state at ${sequence} has the root ${root}, its snapshot has ${known}: the state machine is not the one ` +
          "that the cluster ran, or it is not deterministic",
      );
    }
    compared.push(sequence);
  }
  return { from: sequenceNumber(first + 1), through: auditor.lastExecuted, compared, history: auditor.history };
}

/** The certified roots of the snapshots after a number. */
async function rootsAfter(
  storage: SnapshotStorage,
  genesis: Genesis,
  first: SequenceNumber,
): Promise<ReadonlyMap<SequenceNumber, Digest>> {
  const roots = new Map<SequenceNumber, Digest>();
  for (const key of await manifestKeys(storage)) {
    const { sequence, root } = await openSnapshot(storage, { genesis, key });
    if (sequence > first) roots.set(sequence, root);
  }
  return roots;
}

/** One replica that is told what was decided. */
class Auditor {
  readonly #genesis: Genesis;
  readonly #store: Store;
  readonly #verifier: Verifier;
  readonly #core: Replica;
  readonly #write: (ready: Ready) => Promise<void>;
  #now = 0 as Millis;

  private constructor(
    { genesis, store }: AuditOptions,
    parts: { readonly core: Replica; readonly write: (ready: Ready) => Promise<void> },
  ) {
    this.#genesis = genesis;
    this.#store = store;
    this.#verifier = createVerifier(clusterId(genesis));
    this.#core = parts.core;
    this.#write = parts.write;
  }

  static async open(options: AuditOptions): Promise<Auditor> {
    const { genesis, stateMachine, store, storage, from } = options;
    const identity = { genesis, cluster: clusterId(genesis), self: SELF };
    if (from !== undefined) await fillStore(storage, store, SELF, { genesis, sequence: from });
    const machine = stateMachine();
    if (machine.version !== genesis.stateMachine) {
      throw new TypeError(`stateMachine: expected version ${genesis.stateMachine}, got ${machine.version}`);
    }
    const lazyLoading = machine.lazyLoading !== undefined;
    const restored = await restore(store, identity, { lazyLoading, start: from === undefined ? "new" : "resume" });
    const { writer } = restored;
    let { version } = restored;
    const environment = createEnvironment({
      self: SELF,
      genesis,
      settings: DEFAULT_SETTINGS,
      stateMachine: machine,
      signer: NOBODY,
    });
    // It has not lost a disk: it votes in nothing that leaves.
    const { lostDisk: _, ...storedState } = restored.storedState;
    const core = new Replica(environment, storedState);
    const auditor = new Auditor(options, {
      core,
      write: async ({ records }) => {
        if (records.length === 0) return;
        const writes = new WriteSet();
        for (const record of records) writer.write(record, writes);
        version = await store.commit(writes, version);
      },
    });
    await auditor.#step({ kind: "start" });
    return auditor;
  }

  get lastExecuted(): SequenceNumber {
    return this.#core.status().lastExecuted;
  }

  get history(): Digest {
    return this.#core.status().history;
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
    if (sequence % this.#genesis.checkpointInterval !== 0 || stateRoot === null) return null;
    // The window moves on as if a quorum had the same state. That is compared with the snapshots.
    for (
      let id = 1;
      id < quorum(this.#genesis.replicas.length) && this.#core.stable[0]?.message.sequence !== sequence;
      id++
    ) {
      const checkpoint: Checkpoint = { kind: "checkpoint", replica: id as ReplicaId, sequence, digest: stateRoot };
      await this.#step({ kind: "checkpoint", checkpoint: sign(NOBODY, checkpoint) });
    }
    return stateRoot;
  }

  /** Takes a step, and reads what the core needs of its store. */
  async #step(input: Input): Promise<void> {
    let ready = this.#core.step(input, this.#now);
    await this.#write(ready);
    while (ready.loads.length > 0) {
      const blobs = await new BlobReader(this.#store, sha256).read(ready.loads);
      ready = this.#core.step({ kind: "loaded", blobs }, this.#now);
      await this.#write(ready);
    }
  }

  #batchOf({ sequence, digest, batch: bytes }: ArchivedBatch): Verified<Batch> {
    if (sha256(bytes) !== digest) {
      throw new SnapshotError(`batch ${sequence}: expected bytes with the digest ${digest}`);
    }
    const { timestamp, requests } = decodeBatch(bytes, this.#genesis.limits);
    return {
      digest,
      bytes,
      timestamp,
      requests: requests.map((request) => withDigest(request)),
    } as unknown as Verified<Batch>;
  }

  #commitsOf({ sequence, digest, commits }: ArchivedBatch): readonly Signed<Commit>[] {
    const { replicas } = this.#genesis;
    const refuse = (why: string) => new SnapshotError(`batch ${sequence}: not proven: ${why}`);
    const decoded = commits.map((frame) => {
      const { signed: { message, bytes, signature } } = decodeFrame(frame, wireLimits(this.#genesis));
      const member = "replica" in message ? replicas[message.replica] : undefined;
      if (message.kind !== "commit" || !member) throw refuse("expected commits of members");
      if (message.sequence !== sequence || message.digest !== digest) throw refuse("a commit is for another batch");
      if (!this.#verifier.verify(member.publicKey, "commit", bytes, signature)) {
        throw refuse(`a signature is not ${member.name}'s`);
      }
      return { message, bytes, signature };
    });
    const signers = new Set(decoded.map(({ message }) => message.replica));
    const views = new Set(decoded.map(({ message }) => message.view));
    if (signers.size < quorum(replicas.length) || views.size !== 1) throw refuse("expected a quorum in one view");
    return decoded;
  }
}
