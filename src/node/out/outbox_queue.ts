/**
 * The bounded queue of frames for one peer, and the rule which frames are dropped when it is full.
 *
 * Client requests are dropped first: clients send them again, and every replica relays them, so that under load they
 * are the most frequent. View change messages are dropped last: during a view change nothing else can proceed, and a
 * replica that waits for the new view relays the most requests.
 * @module
 */
import { equalBytes } from "../../core/tree/bytes.ts";
import type { MessageKind } from "../../core/messages/messages.ts";
import type { NodeLimits } from "../limits.ts";
import type { Lane } from "../ports.ts";

/** Rank of a kind: lower ranks are dropped first, and within a rank the oldest frame. */
type Rank = 0 | 1 | 2;

function rankOf(kind: MessageKind): Rank {
  switch (kind) {
    case "request":
    case "gateway-request":
    case "reply":
      return 0;
    case "suspicion":
    case "view-change":
    case "new-view":
      return 2;
    default:
      return 1;
  }
}

/** The lane of a kind: bulk is for those who catch up, and nobody else waits for it. */
function laneOf(kind: MessageKind): Lane {
  return kind === "blobs" || kind === "decision" ? "bulk" : "deciding";
}

interface Waiting {
  readonly frame: Uint8Array;
  readonly rank: Rank;
  readonly lane: Lane;
}

type QueueLimits = Pick<NodeLimits, "maxOutboxFrames" | "maxOutboxBytes" | "maxOutboxBulkBytes">;

/** The queue of one peer. */
export class OutboxQueue {
  readonly #limits: QueueLimits;
  #waiting: Waiting[] = [];
  /** Number of frames of each rank. */
  readonly #counts: [number, number, number] = [0, 0, 0];
  #bytes = 0;
  #bulkBytes = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  /** Number of queued frames. */
  get length(): number {
    return this.#waiting.length;
  }

  /** Bytes of those frames. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds a frame. Returns how many frames were dropped, possibly the new one. */
  push(frame: Uint8Array, kind: MessageKind): number {
    const rank = rankOf(kind);
    // View change messages are sent repeatedly; duplicates would leave no space for anything else.
    if (rank === 2 && this.#holds(frame)) return 0;
    const lane = laneOf(kind);
    this.#waiting.push({ frame, rank, lane });
    this.#counts[rank]++;
    this.#bytes += frame.length;
    if (lane === "bulk") this.#bulkBytes += frame.length;
    const { maxOutboxFrames, maxOutboxBytes, maxOutboxBulkBytes } = this.#limits;
    let dropped = 0;
    for (; this.#bulkBytes > maxOutboxBulkBytes; dropped++) {
      this.#dropAt(this.#waiting.findIndex((one) => one.lane === "bulk"));
    }
    for (; this.#waiting.length > maxOutboxFrames || this.#bytes > maxOutboxBytes; dropped++) this.#dropOne();
    return dropped;
  }

  /** The oldest frames: one, and further ones within both bounds. */
  next(maxFrames: number, maxBytes: number): readonly Uint8Array[] {
    const most = Math.min(this.#waiting.length, maxFrames);
    let bytes = this.#waiting[0]!.frame.length;
    let count = 1;
    while (count < most && bytes + this.#waiting[count]!.frame.length <= maxBytes) {
      bytes += this.#waiting[count++]!.frame.length;
    }
    return this.#waiting.slice(0, count).map(({ frame }) => frame);
  }

  /** Removes the oldest frames. */
  remove(count: number): void {
    for (const one of this.#waiting.splice(0, count)) this.#uncount(one);
  }

  /** Whether frames of this lane are queued. */
  holdsIn(lane: Lane): boolean {
    return this.#waiting.some((one) => one.lane === lane);
  }

  /** Removes and returns the oldest frames of this lane: one, and further ones within both bounds. */
  take(lane: Lane, maxFrames: number, maxBytes: number): readonly Uint8Array[] {
    const inLane = this.#waiting.filter((one) => one.lane === lane);
    const others = this.#waiting.filter((one) => one.lane !== lane);
    this.#waiting = inLane;
    const frames = this.next(maxFrames, maxBytes);
    this.remove(frames.length);
    // The order between lanes matters to nobody: what is dropped is chosen by rank, and within one lane by age.
    this.#waiting.push(...others);
    return frames;
  }

  /** Drops all frames. */
  clear(): void {
    this.#waiting = [];
    this.#counts.fill(0);
    this.#bytes = this.#bulkBytes = 0;
  }

  #holds(frame: Uint8Array): boolean {
    return this.#counts[2] > 0 && this.#waiting.some((one) => one.rank === 2 && equalBytes(one.frame, frame));
  }

  #dropOne(): void {
    const lowest = this.#counts.findIndex((count) => count > 0);
    this.#dropAt(this.#waiting.findIndex(({ rank }) => rank === lowest));
  }

  #dropAt(at: number): void {
    const [one] = this.#waiting.splice(at, 1) as [Waiting];
    this.#uncount(one);
  }

  #uncount({ frame, rank, lane }: Waiting): void {
    this.#counts[rank]--;
    this.#bytes -= frame.length;
    if (lane === "bulk") this.#bulkBytes -= frame.length;
  }
}
