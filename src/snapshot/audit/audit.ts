/**
 * Audits a cluster's past: executes its archived batches again, from the genesis or from a snapshot, over all epochs and
 * versions of the state machine, and compares the state's root with that of every snapshot, and of every end of an epoch,
 * on the way. The snapshots themselves are read wholly before: each blob once, in about 100 bytes of memory.
 * @module
 */
import type { Genesis } from "../../core/config.ts";
import { MachineVersions, type StateMachines } from "../../core/epochs/versions.ts";
import { type Digest, type SequenceNumber, sequenceNumber } from "../../core/messages/ids.ts";
import type { Store } from "../../node/ports.ts";
import { endOf, epochOf } from "../../wire/epochs/mod.ts";
import type { ProvenHead } from "../manifest.ts";
import { SnapshotError } from "../snapshot_error.ts";
import { archivedNumbers, readArchived } from "../storage/archive.ts";
import { manifestKeys, type SnapshotStorage } from "../storage/storage.ts";
import { checkAgreement, checkWithin, epochsOf } from "../trust.ts";
import { checkChunk, entriesOn, forEach, readBlob, rootIn } from "../blobs.ts";
import { openSnapshot } from "../verify.ts";
import { Auditor } from "./auditor.ts";

/** The subject of an audit. */
export interface AuditOptions {
  /** The genesis that the caller trusts. */
  readonly genesis: Genesis;
  /** The links that the caller knows, from epoch 0 on. Further ones are taken from the snapshots, and checked. */
  readonly chain?: readonly Uint8Array[];
  /** The state machine, as it was then; or all its versions that were in force, with their migrations. */
  readonly stateMachine: StateMachines;
  /** The archived batches and the snapshots. */
  readonly storage: SnapshotStorage;
  /** An empty store for the state: in memory, or a file if the state is large. */
  readonly store: Store;
  /** The number of the snapshot to start from. Default: the genesis, or the snapshot of the state with which the cluster begins. */
  readonly from?: number;
  /** How much of a state may be in memory, bytes, if the machine has lazy loading. Default 32 MiB. */
  readonly memoryBytes?: number;
  /** Is told which number was executed. */
  readonly onProgress?: (sequence: SequenceNumber) => void;
}

/** The result of an audit without objection. */
export interface AuditReport {
  /** The first number that was executed. If there was none, it is above {@linkcode through}. */
  readonly from: SequenceNumber;
  /** The last number that was executed. */
  readonly through: SequenceNumber;
  /** The blobs of the snapshots, all of which were read. */
  readonly blobs: number;
  /** The numbers of the snapshots whose roots were compared. */
  readonly compared: readonly SequenceNumber[];
  /** The numbers at which epochs ended, whose roots were compared with the chain. */
  readonly ended: readonly SequenceNumber[];
  /** The hash chain over all batches. */
  readonly history: Digest;
}

/**
 * Executes all archived batches from the start on.
 * @throws {SnapshotError} naming the number: a snapshot is incomplete or damaged, a batch is missing, not proven or
 * damaged, or a root differs from that of a snapshot or of the end of an epoch. `TypeError`, if a version of the state machine, or its migration, is missing.
 */
export async function audit(options: AuditOptions): Promise<AuditReport> {
  const { storage } = options;
  const { epochs, chain, snapshots } = await known(options);
  const blobs = await readAll(storage, snapshots);
  const versions = MachineVersions.of(options.stateMachine);
  const auditor = await Auditor.open({ ...options, versions, epochs, chain });
  const first = auditor.lastExecuted;
  const roots = new Map(snapshots.map(({ sequence, root }) => [sequence, root]));
  const compared: SequenceNumber[] = [];
  const ended: SequenceNumber[] = [];
  const numbers = (await archivedNumbers(storage)).filter((sequence) => sequence > first);
  for (const sequence of numbers) {
    const expected = sequenceNumber(auditor.lastExecuted + 1);
    if (sequence !== expected) {
      throw new SnapshotError(`batch ${expected}: expected an archived batch, the next one is ${sequence}`);
    }
    while (auditor.epoch !== epochOf(epochs, sequence)) await auditor.enterNext();
    const root = await auditor.execute(await readArchived(storage, sequence));
    options.onProgress?.(sequence);
    if (compare(sequence, root, roots.get(sequence), "its snapshot")) compared.push(sequence);
    const end = endOf(epochs, auditor.epoch);
    if (sequence === end?.sequence && compare(sequence, root, end.root, "the chain of epochs")) ended.push(sequence);
  }
  return {
    from: sequenceNumber(first + 1),
    through: auditor.lastExecuted,
    blobs,
    compared,
    ended,
    history: auditor.history,
  };
}

/** An id, and the digest of what has it. */
type Named = readonly [id: string, digest: Digest];

/** Reads the snapshots wholly, each blob once. Returns how many there are. @throws {SnapshotError} naming the snapshot and the blob. */
async function readAll(storage: SnapshotStorage, snapshots: readonly ProvenHead[]): Promise<number> {
  const seen = new Set<Digest>();
  /** A blob that was read before counts for all that it names. */
  const unseen = (named: readonly Named[]) => named.filter(([, digest]) => !seen.has(digest) && seen.add(digest));
  for (const { root, sequence } of snapshots) {
    try {
      if (unseen([["", root]]).length === 0) continue;
      for (const page of unseen(rootIn(root, await readBlob(storage, root)).pages)) {
        const chunks = unseen(entriesOn(page, await readBlob(storage, page[1])));
        await forEach(chunks, async (chunk) => checkChunk(chunk, await readBlob(storage, chunk[1])));
      }
    } catch (error) {
      if (!(error instanceof SnapshotError)) throw error;
      throw new SnapshotError(`the snapshot at ${sequence}: ${error.message}`);
    }
  }
  return seen.size;
}

/** Whether there is a root to compare with. @throws {SnapshotError} if it is another one. */
function compare(sequence: SequenceNumber, root: Digest | null, expected: Digest | undefined, whose: string): boolean {
  if (expected === undefined) return false;
  if (root === expected) return true;
  throw new SnapshotError(
    `the state at ${sequence} has the root ${root}, ${whose} has ${expected}: the state machine is not the one ` +
      "that the cluster ran, lacks a version, or is not deterministic",
  );
}

/** The snapshots, and the longest chain of epochs that they and the caller know. All of them must agree. */
async function known(
  { storage, genesis, chain = [] }: AuditOptions,
): Promise<Pick<ProvenHead, "epochs" | "chain"> & { readonly snapshots: readonly ProvenHead[] }> {
  const snapshots: ProvenHead[] = [];
  let longest: Pick<ProvenHead, "epochs" | "chain"> = { epochs: await epochsOf(genesis, chain), chain };
  for (const key of await manifestKeys(storage)) {
    const head = await openSnapshot(storage, { genesis, chain, key });
    checkAgreement(longest.epochs, head.epochs);
    if (head.epochs.length > longest.epochs.length) longest = head;
    snapshots.push(head);
  }
  for (const head of snapshots) checkWithin(longest.epochs, head.epoch, head);
  return { epochs: longest.epochs, chain: longest.chain, snapshots };
}
