/**
 * The frames that wait for one peer, in order and within bounds; and what is dropped where there are too many.
 *
 * Requests go first: their clients send them again, and every replica relays them, so that under load there are always more of them than of
 * anything else. What starts a view goes last: while a view is left nothing else can be done, and a replica that waits for it relays most.
 * @module
 */
import { equalBytes } from "../../core/tree/bytes.ts";
import type { MessageKind } from "../../core/messages/messages.ts";
import type { NodeLimits } from "../limits.ts";

/** In which order kinds are dropped: the lower first, and of one rank the oldest. */
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

interface Waiting {
  readonly frame: Uint8Array;
  readonly rank: Rank;
}

/** What waits for one peer. */
export class OutboxQueue {
  readonly #limits: Pick<NodeLimits, "maxOutboxFrames" | "maxOutboxBytes">;
  #waiting: Waiting[] = [];
  /** How many of each rank. */
  readonly #counts: [number, number, number] = [0, 0, 0];
  #bytes = 0;

  constructor(limits: Pick<NodeLimits, "maxOutboxFrames" | "maxOutboxBytes">) {
    this.#limits = limits;
  }

  /** How many frames wait. */
  get length(): number {
    return this.#waiting.length;
  }

  /** Their bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds a frame at the end, and gives how many were dropped for it, itself perhaps. */
  push(frame: Uint8Array, kind: MessageKind): number {
    const rank = rankOf(kind);
    // What starts a view is said again and again, and would leave no room for anything else.
    if (rank === 2 && this.#holds(frame)) return 0;
    this.#waiting.push({ frame, rank });
    this.#counts[rank]++;
    this.#bytes += frame.length;
    const { maxOutboxFrames, maxOutboxBytes } = this.#limits;
    let dropped = 0;
    for (; this.#waiting.length > maxOutboxFrames || this.#bytes > maxOutboxBytes; dropped++) this.#dropOne();
    return dropped;
  }

  /** Takes the oldest frames: one, and as many more as fit into both bounds. */
  take(maxFrames: number, maxBytes: number): readonly Uint8Array[] {
    const most = Math.min(this.#waiting.length, maxFrames);
    let bytes = this.#waiting[0]!.frame.length;
    let count = 1;
    while (count < most && bytes + this.#waiting[count]!.frame.length <= maxBytes) {
      bytes += this.#waiting[count++]!.frame.length;
    }
    this.#bytes -= bytes;
    return this.#waiting.splice(0, count).map(({ frame, rank }) => {
      this.#counts[rank]--;
      return frame;
    });
  }

  /** Drops everything. */
  clear(): void {
    this.#waiting = [];
    this.#counts.fill(0);
    this.#bytes = 0;
  }

  #holds(frame: Uint8Array): boolean {
    return this.#counts[2] > 0 && this.#waiting.some((one) => one.rank === 2 && equalBytes(one.frame, frame));
  }

  #dropOne(): void {
    const lowest = this.#counts.findIndex((count) => count > 0);
    const at = this.#waiting.findIndex(({ rank }) => rank === lowest);
    const [{ frame, rank }] = this.#waiting.splice(at, 1) as [Waiting];
    this.#counts[rank]--;
    this.#bytes -= frame.length;
  }
}
