/**
 * Whether the primary is fair, as a backup can see it (after RBFT and Aardvark). A fair primary serves the clients in
 * turn: a client that waits is served before any other client is served twice, and as soon as a batch has room.
 *
 * A backup watches two things:
 *
 * - The client that has waited longest, whatever its requests are. A client that asks for much puts its own requests
 *   behind each other, which must not make the primary look unfair.
 * - The request that has waited longest; otherwise a primary could serve a client one request per timeout. A request is
 *   not counted if, while it waited, as many other requests of its client were executed as one client may have waiting:
 *   the primary may have had no place for it.
 *
 * Both begin to count once the client, or the request, is the one that waits longest. So by them alone a primary could serve whoever waits
 * longest, one at a time and each just in time, and let all others wait behind. But a batch that had room for any request has in it all that
 * waited when it was proposed. So a request must not be left out of such batches for two times the allowed waiting time.
 *
 * A client may tell a backup of a request some time before the primary hears of it, and batches may be under way then.
 * So nothing that is served in the first half of the allowed waiting time counts against the primary.
 *
 * @module
 */
import type { SuspicionReason } from "../events.ts";

/** A client or gateway that has waiting requests. */
interface Waiting {
  /** How many of its requests were executed since it last had none waiting. */
  readonly served: number;
  /** Since when it has been the client that waits longest, in time awake; `null` if it is not. */
  since: number | null;
  /** Batches executed since the primary must know of its request, and how many of them had no room for it. */
  batches: number;
  fullBatches: number;
  /** How many requests of others were executed since it waits longest. */
  overtaken: number;
  /** The clients served since the primary must know of its request, and how many times one of them was served again. */
  readonly others: Set<string>;
  passedOver: number;
  /** `served` when there was last room for any request, and how often so many were served in between that the primary may have had no place. */
  servedAtRoom: number;
  busyRooms: number;
}

/** What a backup demands of its primary. */
export interface FairnessRules {
  /** How long a request may wait while the primary has room for it, ms awake. */
  readonly maxWaitMs: number;
  /** How many requests of others may be executed before it. */
  readonly maxOvertaken: number;
}

/** In each allowed waiting time so many batches with room for any request count at most. */
const ROOMS_PER_WAIT = 4;

/** Watches how the primary treats the clients that wait. */
export class Fairness {
  /** How many times a batch was executed that had room for any request, and when last. Such batches close together count once. */
  #rooms = 0;
  #roomAt = -Infinity;
  /** The clients that wait, in the order in which they were last served or began to wait. */
  readonly #waiting = new Map<string, Waiting>();

  /** A client begins to wait. */
  add(owner: string): void {
    if (!this.#waiting.has(owner)) this.#waiting.set(owner, newWaiting({ served: 0, servedAtRoom: 0, busyRooms: 0 }));
  }

  /** How many of a client's requests were executed since it last had none waiting. */
  served(owner: string): number {
    return this.#waiting.get(owner)?.served ?? 0;
  }

  /** A client has no waiting requests any more. */
  remove(owner: string): void {
    this.#waiting.delete(owner);
  }

  /** The client that has waited longest. */
  get first(): string | undefined {
    return this.#waiting.keys().next().value;
  }

  /** A request of `owner` was executed. */
  noteServed(owner: string, awakeMs: number, { maxWaitMs }: Pick<FairnessRules, "maxWaitMs">): void {
    const own = this.#waiting.get(owner);
    if (own) {
      this.#waiting.delete(owner);
      this.#waiting.set(owner, newWaiting({ ...own, served: own.served + 1 }));
    }
    const first = this.#first();
    if (!first || this.first === owner) return;
    first.overtaken++;
    if (!isKnown(first, awakeMs, maxWaitMs)) return;
    if (first.others.has(owner)) first.passedOver++;
    else first.others.add(owner);
  }

  /**
   * A batch was executed. `hadRoom`: whether it had room for the next request of the client that has waited longest.
   */
  noteBatch(hadRoom: boolean, awakeMs: number, { maxWaitMs }: Pick<FairnessRules, "maxWaitMs">): void {
    const first = this.#first();
    if (!first || !isKnown(first, awakeMs, maxWaitMs)) return;
    first.batches++;
    if (!hadRoom) first.fullBatches++;
  }

  /**
   * A batch was executed that had room for any request. Returns whether it counts. `mostPending`: how many requests of one client the
   * primary has a place for.
   */
  noteRoom(awakeMs: number, { maxWaitMs }: Pick<FairnessRules, "maxWaitMs">, mostPending: number): boolean {
    if (awakeMs - this.#roomAt < maxWaitMs / ROOMS_PER_WAIT) return false;
    this.#rooms++;
    this.#roomAt = awakeMs;
    for (const own of this.#waiting.values()) {
      if (own.served - own.servedAtRoom >= mostPending) own.busyRooms++;
      own.servedAtRoom = own.served;
    }
    return true;
  }

  /** How many times there was room for any request of a client, as far as the primary must have had a place for it. */
  roomsFor(owner: string): number {
    return this.#rooms - (this.#waiting.get(owner)?.busyRooms ?? 0);
  }

  /** Whether a client's request was left out of batches with room for any for two times the allowed waiting time. `before`: {@linkcode roomsFor} when it came. */
  isLeftOut(owner: string, before: number): boolean {
    return this.roomsFor(owner) - before > 2 * ROOMS_PER_WAIT;
  }

  /** A view starts. Its primary has not kept any client waiting yet. */
  startView(): void {
    for (const [owner, own] of this.#waiting) this.#waiting.set(owner, newWaiting(own));
  }

  /**
   * The reason to suspect the primary for how it treats the client that has waited longest; `null` if there is none.
   * Call it regularly.
   */
  verdict(awakeMs: number, { maxWaitMs, maxOvertaken }: FairnessRules): SuspicionReason | null {
    const first = this.#first();
    if (!first) return null;
    first.since ??= awakeMs;
    const waitedMs = awakeMs - first.since;
    if (first.overtaken > maxOvertaken && waitedMs > maxWaitMs / 2) return "overtaken";
    if (waitedMs <= maxWaitMs) return null;
    if (first.passedOver > 0) return "overtaken";
    return hadRoom(first) ? "slow-primary" : null;
  }

  #first(): Waiting | undefined {
    return this.#waiting.values().next().value;
  }
}

/** Whether the primary must know by now that this client waits. */
export function isKnown({ since }: Pick<Waiting, "since">, awakeMs: number, maxWaitMs: number): boolean {
  return since !== null && awakeMs - since > maxWaitMs / 2;
}

/**
 * Whether the primary had room, judged by the batches executed meanwhile. If all were full, there is more work than can
 * be done.
 */
export function hadRoom({ batches, fullBatches }: Pick<Waiting, "batches" | "fullBatches">): boolean {
  return batches === 0 || fullBatches < batches;
}

function newWaiting(
  { served, servedAtRoom, busyRooms }: Pick<Waiting, "served" | "servedAtRoom" | "busyRooms">,
): Waiting {
  const nothing = { since: null, batches: 0, fullBatches: 0, overtaken: 0, others: new Set<string>(), passedOver: 0 };
  return { served, servedAtRoom, busyRooms, ...nothing };
}
