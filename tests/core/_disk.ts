import { assertEquals } from "@std/assert";
import type { Digest, SequenceNumber, View } from "../../src/core/messages/ids.ts";
import type { Contradiction } from "../../src/core/messages/evidence.ts";
import type { Batch, Verified } from "../../src/core/messages/messages.ts";
import { NEW_RECOVERY, type Record, type StoredState, type Timers, type ViewState } from "../../src/core/records.ts";

/** What a store keeps of the records. */
export class Disk {
  suspicion?: NonNullable<StoredState["suspicion"]>;
  /** Of a host that may stop its replica between any two inputs. */
  timers?: Timers;
  view: ViewState = { view: 0 as View, viewChange: null, newView: null };
  readonly accepted = new Map<number, StoredState["accepted"][number]>();
  readonly former = new Map<number, NonNullable<StoredState["former"]>>();
  readonly prepared = new Map<number, StoredState["prepared"][number]>();
  /** The bodies that this store still has to have: those that its records name. */
  readonly #bodies = new Map<Digest, Batch>();
  readonly committed = new Map<number, StoredState["committed"][number]>();
  readonly retired = new Map<number, readonly Digest[]>();
  readonly fetched = new Set<Digest>();
  numbers?: number;
  readonly blobs = new Map<Digest, Uint8Array>();
  checkpoint: StoredState["checkpoint"];
  stable: StoredState["stable"] = [];
  lostDisk?: NonNullable<StoredState["lostDisk"]>;
  readonly evidence: Contradiction[] = [];

  /**
   * What a host keeps at the end of an epoch: the state, and nothing that was signed in the epoch. `migratedAt`: where the
   * next epoch starts, with the state of another version.
   */
  nextEpoch(migratedAt?: { readonly sequence: number }): Disk {
    const next = new Disk();
    for (const [digest, bytes] of this.blobs) next.blobs.set(digest, bytes);
    for (const [sequence, digests] of this.retired) next.retired.set(sequence, digests);
    for (const digest of this.fetched) next.fetched.add(digest);
    if (migratedAt === undefined || (this.checkpoint?.sequence ?? 0) >= migratedAt.sequence) {
      next.checkpoint = this.checkpoint;
    } else for (const digest of this.blobs.keys()) next.fetched.add(digest);
    if (this.numbers !== undefined) next.numbers = this.numbers;
    if (this.lostDisk) next.lostDisk = NEW_RECOVERY;
    return next;
  }

  write(record: Record): void {
    switch (record.kind) {
      case "view":
        this.view = record;
        break;
      case "suspicion":
        this.suspicion = record;
        break;
      case "former":
        this.former.set(
          record.sequence,
          record.bodies.map(({ view, digest }) => {
            return { sequence: record.sequence, view, batch: this.#bodies.get(digest)! as Verified<Batch> };
          }),
        );
        break;
      case "accepted":
        this.#bodies.set(record.batch.digest, record.batch);
        this.accepted.set(record.prePrepare.message.sequence, record as unknown as StoredState["accepted"][number]);
        break;
      case "prepared":
        this.prepared.set(record.prePrepare.message.sequence, record as unknown as StoredState["prepared"][number]);
        break;
      case "committed": {
        const batch = record.batch ?? this.accepted.get(record.sequence)!.batch;
        assertEquals(batch.digest, record.digest);
        const commits = record.commits as StoredState["committed"][number]["commits"];
        this.committed.set(record.sequence, { sequence: record.sequence, commits, batch: batch as Verified<Batch> });
        break;
      }
      case "checkpoint":
        this.checkpoint = record;
        this.retired.set(record.sequence, record.retired);
        break;
      case "retired":
        this.retired.set(record.sequence, record.digests);
        break;
      case "fetched":
        if (record.digests === null) this.fetched.clear();
        for (const digest of record.digests ?? []) this.fetched.add(digest);
        break;
      case "lost-disk":
        if (record.found === null) delete this.lostDisk;
        else this.lostDisk = record.found;
        break;
      case "numbers":
        this.numbers = record.through;
        break;
      case "contradiction":
        this.evidence.push(record.contradiction);
        break;
      case "stable":
        this.stable = record.certificate as StoredState["stable"];
        break;
      case "blobs":
        for (const [digest, bytes] of record.blobs) this.blobs.set(digest, bytes);
        break;
      case "drop-blobs":
        for (const digest of record.digests) this.blobs.delete(digest);
        for (const sequence of record.checkpoints) this.retired.delete(sequence);
        break;
      case "forget":
        for (const map of [this.accepted, this.former, this.prepared, this.committed]) {
          for (const sequence of [...map.keys()]) if (sequence <= record.through) map.delete(sequence);
        }
        break;
    }
  }

  read(): StoredState {
    const { view, checkpoint, stable, blobs } = this;
    const retired = [...this.retired].map(([sequence, digests]) => ({ sequence: sequence as SequenceNumber, digests }));
    const values = <T>(map: Map<number, T>) => [...map.values()];
    const { accepted, prepared, committed, evidence } = this;
    return {
      ...view,
      accepted: values(accepted),
      former: values(this.former).flat(),
      prepared: values(prepared),
      committed: values(committed),
      retired,
      fetched: [...this.fetched],
      stable,
      evidence,
      blobs,
      ...(checkpoint ? { checkpoint } : {}),
      ...(this.suspicion ? { suspicion: this.suspicion } : {}),
      ...(this.timers ? { timers: this.timers } : {}),
      ...(this.numbers === undefined ? {} : { numbers: this.numbers }),
      ...(this.lostDisk ? { lostDisk: this.lostDisk } : {}),
    };
  }
}
