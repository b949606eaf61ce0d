/**
 * Received frames that are not answered yet, within bounds. goPBFT's `MsgEntrance`.
 * @module
 */
import type { MessageKind } from "../../../core/messages/messages.ts";
import { frameKind } from "../../../wire/mod.ts";
import type { NodeLimits } from "../../limits.ts";
import type { Rejection } from "../../ports.ts";
import type { Asked } from "../../gateway/waiters.ts";

/** The state of one received bundle. */
export interface Bundle {
  /** Number of faults still tolerated. At the next one the rest of the bundle is rejected unread. */
  faultsLeft: number;
  /** Why the rest of the bundle is rejected unread; null if it is not. */
  rejection: Rejection | null;
}

/** A received frame. */
export interface Entry {
  readonly frame: Uint8Array;
  /** The kinds accepted where it came in; all if left out. */
  readonly accept?: readonly MessageKind[] | undefined;
  /** The bundle that contained it. */
  readonly bundle?: Bundle | undefined;
  /** What it cost to get here, us: the first frame of a POST bears the costs of that POST. */
  readonly overheadUs?: number;
  /** If set, it gets the verified request or query, and the frame is not passed to the core. */
  readonly onVerified?: (asked: Asked) => void;
  /** Answers the frame: `null` if it was accepted. */
  readonly answer: (rejection: Rejection | null) => void;
}

/** A bounded queue of received frames. */
export class Inbox {
  readonly #limits: Pick<NodeLimits, "maxInboxFrames" | "maxInboxBytes">;
  #queue: Entry[] = [];
  #frames = 0;
  #bytes = 0;

  constructor(limits: Pick<NodeLimits, "maxInboxFrames" | "maxInboxBytes">) {
    this.#limits = limits;
  }

  /** Number of unanswered frames. */
  get frames(): number {
    return this.#frames;
  }

  /** Bytes of those frames. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds a frame. Returns an `overloaded` rejection if a bound is reached. */
  add(entry: Entry): Rejection | null {
    const { frame } = entry;
    const { maxInboxFrames, maxInboxBytes } = this.#limits;
    if (this.#frames >= maxInboxFrames || this.#bytes + frame.length > maxInboxBytes) {
      const detail =
        `${this.#frames} frames of ${this.#bytes} bytes are queued, the maximum is ${maxInboxFrames} frames or ${maxInboxBytes} bytes; retry later`;
      return { reason: "overloaded", kind: frameKind(frame), detail };
    }
    this.#frames++;
    this.#bytes += frame.length;
    this.#queue.push(entry);
    return null;
  }

  /** Answers a frame and frees its share of the bounds. */
  answer({ frame, answer }: Entry, rejection: Rejection | null): void {
    this.#frames--;
    this.#bytes -= frame.length;
    answer(rejection);
  }

  /** Whether there are frames to {@linkcode take}. */
  get hasMore(): boolean {
    return this.#queue.length > 0;
  }

  /** Removes and returns the queued frames, at most the `max` oldest. Each must be {@linkcode Inbox.answer}ed once. */
  take(max = Infinity): readonly Entry[] {
    if (max < this.#queue.length) return this.#queue.splice(0, max);
    const all = this.#queue;
    this.#queue = [];
    return all;
  }
}
