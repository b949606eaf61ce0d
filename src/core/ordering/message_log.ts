/**
 * The message log (PBFT §4.2): the messages and the state of each sequence number between the watermarks. Votes that
 * arrive before their pre-prepare wait here. goPBFT's `MsgBuffer`.
 * @module
 */
import { type Digest, type ReplicaId, type SequenceNumber, sequenceNumber, type View } from "../messages/ids.ts";
import { invariant } from "../invariant.ts";
import type {
  Batch,
  Commit,
  Decision,
  Prepare,
  PreparedCertificate,
  PrePrepare,
  Signed,
  Stage,
  Verified,
} from "../messages/messages.ts";
import { primaryOf } from "../messages/quorum.ts";

/** A pre-prepare that can't be accepted yet. */
export interface WaitingPrePrepare {
  readonly prePrepare: Verified<Signed<PrePrepare>>;
  readonly batch: Batch | null;
  /** It comes from a new-view, so its timestamp is not checked against the ceiling again. */
  readonly carried: boolean;
}

/** One sequence number. Of each sender it keeps one prepare and one commit, those of the highest view: so it is bounded. */
export interface Slot {
  readonly sequence: SequenceNumber;
  /** The accepted pre-prepare of the highest view so far; durable before the prepare is sent. */
  prePrepare: Verified<Signed<PrePrepare>> | null;
  /** The body of `committed` if that is set, else of `prePrepare`; `null` while it is being fetched. */
  batch: Batch | null;
  /** The batches that were accepted here before `prePrepare`, with other digests, and may still be asked for; by digest. */
  readonly former: Map<Digest, FormerBody>;
  /** When `prePrepare` was accepted, in time awake; `null`: in an earlier life. */
  acceptedAt: number | null;
  /** A pre-prepare that can't be accepted yet: its body is missing, or its timestamp is too far ahead of our clock. */
  waiting: WaitingPrePrepare | null;
  readonly prepares: Map<ReplicaId, Verified<Signed<Prepare>>>;
  readonly commits: Map<ReplicaId, Verified<Signed<Commit>>>;
  /** The certificate of the highest view in which this number was prepared here; durable before the commit is sent. */
  prepared: PreparedCertificate | null;
  /** The digest that a quorum of commits agrees on. Never changes once set. */
  committed: Digest | null;
  /** That quorum. */
  decision: readonly Verified<Signed<Commit>>[];
  /** The same as this replica passes it on; `null`: nobody needed it yet. */
  proof: Verified<Signed<Decision>> | null;
}

/** The slots in (low watermark, high watermark]. */
export class MessageLog {
  readonly #slots = new Map<number, Slot>();
  #low: SequenceNumber;
  /** The highest number that has a slot; at least the low watermark. */
  #highest: SequenceNumber;
  /** The last number of the epoch, if it is known. */
  #last = Infinity;

  constructor(low: SequenceNumber, readonly window: number) {
    this.#low = low;
    this.#highest = low;
  }

  /** h: the last stable checkpoint. */
  get low(): SequenceNumber {
    return this.#low;
  }

  /** H = h + L, or the last number of the epoch if that is lower. */
  get high(): SequenceNumber {
    return sequenceNumber(Math.min(this.#low + this.window, this.#last));
  }

  isWithin(sequence: SequenceNumber): boolean {
    return sequence > this.#low && sequence <= this.high;
  }

  find(sequence: number): Slot | undefined {
    return this.#slots.get(sequence);
  }

  /** The slot of a number between the watermarks; it is created if needed. */
  slot(sequence: SequenceNumber): Slot {
    invariant(this.isWithin(sequence), "watermarks", `slot ${sequence} is within (${this.#low}, ${this.high}]`);
    let slot = this.#slots.get(sequence);
    if (!slot) {
      slot = {
        sequence,
        prePrepare: null,
        batch: null,
        former: new Map(),
        acceptedAt: null,
        waiting: null,
        prepares: new Map(),
        commits: new Map(),
        prepared: null,
        committed: null,
        decision: [],
        proof: null,
      };
      this.#slots.set(sequence, slot);
      if (sequence > this.#highest) this.#highest = sequence;
    }
    return slot;
  }

  /** All slots, by ascending number. */
  slots(): readonly Slot[] {
    return [...this.#slots.values()].sort((a, b) => a.sequence - b.sequence);
  }

  /** The highest number with a slot; the low watermark if there is none. */
  highest(): SequenceNumber {
    return this.#highest;
  }

  /**
   * The highest number above `executed` that is open: its pre-prepare was accepted or waits in this view, or it is
   * committed. `executed` if there is none. Votes alone do not open a number, so that one liar can't make numbers look
   * open.
   */
  highestOpen(view: View, executed: SequenceNumber): SequenceNumber {
    for (let n = this.#highest; n > executed; n--) {
      const slot = this.#slots.get(n);
      if (!slot) continue;
      const isOfView = slot.prePrepare?.message.view === view || slot.waiting?.prePrepare.message.view === view;
      if (isOfView || slot.committed !== null) return slot.sequence;
    }
    return executed;
  }

  /** The highest committed number; the low watermark if there is none. */
  highestCommitted(): SequenceNumber {
    let highest: SequenceNumber = this.#low;
    for (const { sequence, committed } of this.#slots.values()) {
      if (sequence > highest && committed !== null) highest = sequence;
    }
    return highest;
  }

  /** The highest number that has prepared here in any view, or is committed; the low watermark if there is none. */
  highestPrepared(): SequenceNumber {
    let highest: SequenceNumber = this.#low;
    for (const { sequence, prepared, committed } of this.#slots.values()) {
      if (sequence > highest && (prepared !== null || committed !== null)) highest = sequence;
    }
    return highest;
  }

  /** The number of former bodies that are kept. */
  get formerBodies(): number {
    let count = 0;
    for (const { former } of this.#slots.values()) count += former.size;
    return count;
  }

  /** The epoch ends at `last`: frees everything above it. */
  closeAt(last: SequenceNumber): void {
    this.#last = last;
    for (const sequence of [...this.#slots.keys()]) if (sequence > last) this.#slots.delete(sequence);
    this.#highest = sequenceNumber(Math.max(this.#low, ...this.#slots.keys()));
  }

  /** Moves the watermarks to a stable checkpoint and frees everything at or below it. */
  advance(low: SequenceNumber): void {
    invariant(low >= this.#low, "watermarks", `the low watermark never falls: ${this.#low} -> ${low}`);
    this.#low = low;
    if (this.#highest < low) this.#highest = low;
    for (const sequence of [...this.#slots.keys()]) if (sequence <= low) this.#slots.delete(sequence);
  }
}

/** The prepares that match a pre-prepare, usually the one that the slot has accepted. The primary's own prepare never counts. */
export function matchingPrepares(
  slot: Slot,
  n: number,
  prePrepare = slot.prePrepare,
): readonly Verified<Signed<Prepare>>[] {
  if (!prePrepare) return [];
  const { view, digest } = prePrepare.message;
  const primary = primaryOf(view, n);
  return [...slot.prepares.values()]
    .filter(({ message: p }) => p.view === view && p.digest === digest && p.replica !== primary)
    .sort((a, b) => a.message.replica - b.message.replica);
}

/** The commits of distinct replicas for this digest in this view. */
export function matchingCommits(slot: Slot, view: View, digest: Digest): readonly Verified<Signed<Commit>>[] {
  return [...slot.commits.values()]
    .filter(({ message }) => message.view === view && message.digest === digest)
    .sort((a, b) => a.message.replica - b.message.replica);
}

/** Whether the replica knows the decision of a number that its view has taken over, and has not voted for it again. */
export function isHeldBack({ waiting, committed }: Slot): boolean {
  return waiting !== null && waiting.carried && waiting.prePrepare.message.digest === committed;
}

/** Whether somebody has voted for the pre-prepare that waits. */
export function isAwaited({ waiting, prepares }: Slot): boolean {
  return [...prepares.values()].some(({ message }) => message.view === waiting?.prePrepare.message.view);
}

/** How far a number has come in this view; stages reached in earlier views do not count. goPBFT's `CurrentStage`. */
export function stageOf(slot: Slot, view: View): Stage {
  if (slot.committed !== null) return "committed";
  if (slot.prePrepare?.message.view !== view) return "idle";
  return slot.prepared?.prePrepare.message.view === view ? "prepared" : "pre-prepared";
}
/** A body that was accepted at a number before the present one. */
export interface FormerBody {
  /** The last view in which it was accepted. */
  readonly view: View;
  readonly batch: Batch;
}
