/**
 * The format of the core's records in a store: a few small records under fixed keys, and content as blobs under their
 * digests.
 *
 * | key | value |
 * | --- | --- |
 * | `identity` | the owner of the store: cluster id, replica id, public key |
 * | `halted` | why the replica halted |
 * | `view` | the view's number, and, if there are any, the frames of our view-change and of the new-view |
 * | `suspicion` | the frame of the replica's last suspicion, and the highest view that it ever suspected |
 * | `accepted/N` | the pre-prepare as a frame; the body is the blob under its digest |
 * | `former/N` | pairs of view and batch digest that were accepted at N before the one of `accepted/N`; the bodies are blobs |
 * | `prepared/N` | the frames of the pre-prepare and of the prepares |
 * | `committed/N` | the digest of the batch executed at N, and the frames of the commits that decided it |
 * | `checkpoint` | number and root digest of the last checkpoint taken; its tree is in blobs |
 * | `retired/N` | digests that the checkpoint at N no longer uses |
 * | `fetched/D` | digests that an unfinished state transfer has fetched, or an unfinished checkpoint has made; D is the first of them |
 * | `lost-disk` | present while the replica recovers from a lost disk: its knowledge so far |
 * | `clock` | offset of the agreed time from the replica's clock, ms, as two numbers: ahead and behind; one of them is 0 |
 * | `numbers` | upper bound of the numbers used in statuses and fetches of this replica |
 * | `stable` | the frames of the certificate of the stable checkpoint |
 * | `evidence/R/KIND/V/N` | the frames of two contradictory messages of replica R; for view-changes without N |
 *
 * N is padded with zeros to 16 digits, so that keys sort as numbers do.
 * @module
 */
import type { Digest, SequenceNumber } from "../../core/messages/ids.ts";
import { aboutOf } from "../../core/messages/evidence.ts";
import type { Plain } from "../../core/io.ts";
import { isBinding, type Record } from "../../core/records.ts";
import type { Batch, Signed } from "../../core/messages/messages.ts";
import { encodeFrame, pack } from "../../wire/mod.ts";
import { plainOf } from "./lost_disk_record.ts";
import type { ArchiveBook } from "./archive.ts";
import type { ArchivedBatch, Writes } from "../ports.ts";

/** Kinds of records that refer to a batch body. */
export type BodyRecord = "accepted" | "prepared" | "committed";
/** All of these kinds. */
export const BODY_RECORDS: readonly BodyRecord[] = ["accepted", "prepared", "committed"];

/** The key of a record of one sequence number. */
export function keyOf(kind: BodyRecord | "former" | "retired", sequence: number): string {
  return `${kind}/${String(sequence).padStart(16, "0")}`;
}

/** Prefix of the keys of `fetched` records. */
export const FETCHED = "fetched/";

/** A change to the store under construction; it may contain the records of several steps. */
export class WriteSet implements Writes {
  readonly records: Map<string, Uint8Array | null> = new Map();
  readonly blobs: Map<Digest, Uint8Array | null> = new Map();
  /** Batches forgotten with this change, for an archive. */
  readonly forgotten: ArchivedBatch[] = [];
  /** Number of core records in it. */
  count = 0;
  /** Bytes put into it. */
  bytes = 0;
  /** Whether a record is binding: messages of its step may be sent only after this change is durable. */
  isBinding = false;

  /** Adds a record. */
  put(key: string, value: Plain): void {
    const bytes = pack(value);
    this.bytes += bytes.length;
    this.records.set(key, bytes);
  }

  /** Adds a blob. */
  putBlob(digest: Digest, bytes: Uint8Array): void {
    this.bytes += bytes.length;
    this.blobs.set(digest, bytes);
  }
}

/**
 * Encodes records as writes. It counts the references of records to batch bodies and removes a body with its last
 * reference: after a view change several numbers may refer to the same one.
 */
export class RecordWriter {
  /** Sequence number -> digest, as in the store after all writes made so far are committed. */
  readonly #references: { readonly [kind in BodyRecord]: Map<number, Digest> };
  /** Sequence number -> digests accepted there earlier. */
  readonly #former = new Map<number, readonly Digest[]>();
  readonly #referenceCounts = new Map<Digest, number>();

  /** Keys of `fetched` records. */
  readonly #fetched: Set<string>;
  readonly #archive: ArchiveBook | undefined;

  /**
   * Starts with the content of a store. `named`: the digests that its records refer to, by number; `former`: those of
   * its `former` records; `fetched`: the keys of its `fetched` records; `archive`: collects forgotten batches.
   */
  constructor(
    named: { readonly [kind in BodyRecord]: ReadonlyMap<number, Digest> },
    { former = [], fetched = [], archive }: {
      former?: Iterable<readonly [sequence: number, digests: readonly Digest[]]>;
      fetched?: Iterable<string>;
      archive?: ArchiveBook | undefined;
    } = {},
  ) {
    this.#fetched = new Set(fetched);
    this.#archive = archive;
    this.#references = { accepted: new Map(), prepared: new Map(), committed: new Map() };
    for (const kind of BODY_RECORDS) {
      for (const [sequence, digest] of named[kind]) this.#reference(kind, sequence, digest);
    }
    for (const [sequence, digests] of former) this.#referenceFormer(sequence, digests);
  }

  /** Adds a record to a change. Records must come in the order in which the core gave them. */
  write(record: Record, writes: WriteSet): void {
    if (this.#archive) writes.forgotten.push(...this.#archive.note(record));
    // Batches executed before a start are executed again after it, and need not be written again.
    if (record.kind === "committed" && this.#references.committed.get(record.sequence) === record.digest) return;
    writes.count++;
    if (isBinding(record)) writes.isBinding = true;
    switch (record.kind) {
      case "view":
        return writes.put("view", [record.view, optional(record.viewChange), optional(record.newView)]);
      case "suspicion":
        return writes.put("suspicion", [record.furthest, frames([record.suspicion])]);
      case "accepted": {
        const { sequence, digest } = record.prePrepare.message;
        writes.put(keyOf("accepted", sequence), encodeFrame(record.prePrepare));
        return this.#replaceReference(writes, { kind: "accepted", sequence, digest, batch: record.batch });
      }
      case "former":
        return this.#noteFormer(writes, record);
      case "prepared": {
        const { sequence, digest } = record.prePrepare.message;
        writes.put(keyOf("prepared", sequence), frames([record.prePrepare, ...record.prepares]));
        return this.#replaceReference(writes, { kind: "prepared", sequence, digest, batch: null });
      }
      case "committed": {
        const { sequence, digest, commits, batch } = record;
        writes.put(keyOf("committed", sequence), [digest, frames(commits)]);
        return this.#replaceReference(writes, { kind: "committed", sequence, digest, batch });
      }
      case "checkpoint":
        writes.put("checkpoint", [record.sequence, record.root]);
        if (record.retired.length > 0) writes.put(keyOf("retired", record.sequence), record.retired);
        return;
      case "fetched":
        return this.#noteFetched(writes, record.digests);
      case "retired":
        return writes.put(keyOf("retired", record.sequence), record.digests);
      case "clock":
        return writes.put("clock", [Math.max(0, record.offset), Math.max(0, -record.offset)]);
      case "lost-disk":
        if (record.found === null) writes.records.set("lost-disk", null);
        else writes.put("lost-disk", plainOf(record.found));
        return;
      case "numbers":
        return writes.put("numbers", record.through);
      case "contradiction": {
        const { first, second } = record.contradiction;
        return writes.put(`evidence/${aboutOf(first.message)}`, frames([first, second]));
      }
      case "stable":
        return writes.put("stable", frames(record.certificate));
      case "blobs":
        for (const [digest, bytes] of record.blobs) writes.putBlob(digest, bytes);
        return;
      case "drop-blobs":
        for (const digest of record.digests) writes.blobs.set(digest, null);
        for (const sequence of record.checkpoints) writes.records.set(keyOf("retired", sequence), null);
        return;
      case "forget":
        return this.#forget(writes, record.through);
    }
  }

  #noteFetched(writes: WriteSet, digests: readonly Digest[] | null): void {
    if (digests === null) {
      for (const key of this.#fetched) writes.records.set(key, null);
      return this.#fetched.clear();
    }
    const key = `${FETCHED}${digests[0]}`;
    this.#fetched.add(key);
    writes.put(key, digests);
  }

  #replaceReference(
    writes: WriteSet,
    { kind, sequence, digest, batch }: { kind: BodyRecord; sequence: number; digest: Digest; batch: Batch | null },
  ): void {
    if (batch !== null && !this.#referenceCounts.has(digest)) writes.putBlob(digest, batch.bytes);
    const before = this.#references[kind].get(sequence);
    this.#reference(kind, sequence, digest);
    if (before !== undefined) this.#release(writes, before);
  }

  #noteFormer(writes: WriteSet, { sequence, bodies }: Extract<Record, { kind: "former" }>): void {
    const before = this.#former.get(sequence) ?? [];
    const key = keyOf("former", sequence);
    if (bodies.length === 0) writes.records.set(key, null);
    else writes.put(key, bodies.map(({ view, digest }) => [view, digest]));
    this.#referenceFormer(sequence, bodies.map(({ digest }) => digest));
    for (const digest of before) this.#release(writes, digest);
  }

  #referenceFormer(sequence: number, digests: readonly Digest[]): void {
    if (digests.length === 0) this.#former.delete(sequence);
    else this.#former.set(sequence, digests);
    for (const digest of digests) this.#retain(digest);
  }

  #reference(kind: BodyRecord, sequence: number, digest: Digest): void {
    this.#references[kind].set(sequence, digest);
    this.#retain(digest);
  }

  #retain(digest: Digest): void {
    this.#referenceCounts.set(digest, (this.#referenceCounts.get(digest) ?? 0) + 1);
  }

  #release(writes: WriteSet, digest: Digest): void {
    const uses = this.#referenceCounts.get(digest)! - 1;
    if (uses > 0) {
      this.#referenceCounts.set(digest, uses);
      return;
    }
    this.#referenceCounts.delete(digest);
    writes.blobs.set(digest, null);
  }

  #forget(writes: WriteSet, through: number): void {
    for (const sequence of [...this.#former.keys()]) {
      if (sequence <= through) {
        this.#noteFormer(writes, { kind: "former", sequence: sequence as SequenceNumber, bodies: [] });
      }
    }
    for (const kind of BODY_RECORDS) {
      for (const [sequence, digest] of this.#references[kind]) {
        if (sequence > through) continue;
        this.#references[kind].delete(sequence);
        writes.records.set(keyOf(kind, sequence), null);
        this.#release(writes, digest);
      }
    }
  }
}

function optional(signed: Signed | null): Plain {
  return signed === null ? [] : frames([signed]);
}

function frames(signed: readonly Signed[]): Plain {
  return signed.map((one) => encodeFrame(one));
}
