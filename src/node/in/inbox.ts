/**
 * Frames that came in and are not answered yet, within bounds. goPBFT's `MsgEntrance`.
 * @module
 */
import type { MessageKind } from "../../core/messages/messages.ts";
import { frameKind } from "../../wire/mod.ts";
import type { NodeLimits } from "../limits.ts";
import type { Rejection } from "../ports.ts";
import type { Asked } from "../gateway/waiters.ts";

/** What has come of the frames that came together. */
export interface Bundle {
  /** Faults that are put up with; at the next one, the rest is not looked at any more. */
  faultsLeft: number;
  /** Why the rest is not looked at; null: it is. */
  over: Rejection | null;
}

/** A frame that came in. */
export interface Entry {
  readonly frame: Uint8Array;
  /** The kinds that are taken where it came in; all if absent. */
  readonly accept?: readonly MessageKind[] | undefined;
  /** What it came with. */
  readonly bundle?: Bundle | undefined;
  /** Is given the request or query in it once it is verified; then it is not stepped, but left to whoever was given it. */
  readonly onVerified?: (asked: Asked) => void;
  /** Answers it: `null`, it was taken. */
  readonly settle: (rejection: Rejection | null) => void;
}

/** What came in. */
export class Inbox {
  readonly #limits: Pick<NodeLimits, "maxInboxFrames" | "maxInboxBytes">;
  #queue: Entry[] = [];
  #frames = 0;
  #bytes = 0;

  constructor(limits: Pick<NodeLimits, "maxInboxFrames" | "maxInboxBytes">) {
    this.#limits = limits;
  }

  /** Frames that are not answered yet. */
  get frames(): number {
    return this.#frames;
  }

  /** Their bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes a frame in; `overloaded` if there is no room for it. */
  add(entry: Entry): Rejection | null {
    const { frame } = entry;
    const { maxInboxFrames, maxInboxBytes } = this.#limits;
    if (this.#frames >= maxInboxFrames || this.#bytes + frame.length > maxInboxBytes) {
      const detail = `${this.#frames} frames of ${this.#bytes} bytes wait already`;
      return { reason: "overloaded", kind: frameKind(frame), detail };
    }
    this.#frames++;
    this.#bytes += frame.length;
    this.#queue.push(entry);
    return null;
  }

  /** Answers a frame that was taken in; the room that it took is free again. */
  settle({ frame, settle }: Entry, rejection: Rejection | null): void {
    this.#frames--;
    this.#bytes -= frame.length;
    settle(rejection);
  }

  /** Whether there is something to {@linkcode take}. */
  get hasMore(): boolean {
    return this.#queue.length > 0;
  }

  /** What came since the last time, the `max` oldest at most; each is to be {@linkcode Inbox.settle}d once. */
  take(max = Infinity): readonly Entry[] {
    if (max < this.#queue.length) return this.#queue.splice(0, max);
    const all = this.#queue;
    this.#queue = [];
    return all;
  }
}
