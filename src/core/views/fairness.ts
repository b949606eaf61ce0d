/**
 * Whether a primary is fair, as a backup can see it. A fair primary takes the clients in turn: whoever waits is served before anybody
 * else is served twice, and as soon as a batch has room. A backup watches the client that has waited longest, whatever its requests
 * are: how many of its own are before it is its own affair, so that one that asks for much does not make the primary look unfair. And
 * it watches the request that has waited longest, or a primary could let one client have one request per timeout (RBFT, Aardvark). Not
 * one whose client had as many others executed meanwhile as may wait of one: the primary may have had no place for it.
 *
 * A client may have told a backup of a request some time before the primary hears of it, and batches may be under way then. What is
 * served in the first half of the time that a request may wait is not held against the primary.
 *
 * @module
 */
import type { SuspicionReason } from "../events.ts";

/** A client, or a gateway, some of whose requests wait. */
interface Waiting {
  /** How many of its requests were executed since it began to wait at all. */
  readonly served: number;
  /** Since when, in time awake, it has been the one that waits longest; `null`: it has not been. */
  since: number | null;
  /** Batches that could have taken in its request, and how many of them had no room for it. */
  batches: number;
  fullBatches: number;
  /** Requests of others that were executed since. */
  overtaken: number;
  /** Who was served since it could have been, and how often others were served again. */
  readonly others: Set<string>;
  passedOver: number;
}

/** What a backup expects of its primary. */
export interface FairnessRules {
  /** How long a request may wait while the primary has room for it, ms awake. */
  readonly patienceMs: number;
  /** How many of others may be executed before it. */
  readonly maxOvertaken: number;
}

/** Watches over those who wait, by name. */
export class Fairness {
  /** Who waits, in the order in which they were served last, or came. */
  readonly #waiting = new Map<string, Waiting>();

  /** Somebody begins to wait. */
  add(owner: string): void {
    if (!this.#waiting.has(owner)) this.#waiting.set(owner, newWaiting(0));
  }

  /** How many of an owner's requests were executed since it began to wait at all. */
  served(owner: string): number {
    return this.#waiting.get(owner)?.served ?? 0;
  }

  /** Nothing of it waits any more. */
  remove(owner: string): void {
    this.#waiting.delete(owner);
  }

  /** Who has waited longest. */
  get first(): string | undefined {
    return this.#waiting.keys().next().value;
  }

  /** A request of `owner` was executed. */
  noteServed(owner: string, awakeMs: number, { patienceMs }: Pick<FairnessRules, "patienceMs">): void {
    const own = this.#waiting.get(owner);
    if (own) {
      this.#waiting.delete(owner);
      this.#waiting.set(owner, newWaiting(own.served + 1));
    }
    const first = this.#first();
    if (!first || this.first === owner) return;
    first.overtaken++;
    if (!isKnown(first, awakeMs, patienceMs)) return;
    if (first.others.has(owner)) first.passedOver++;
    else first.others.add(owner);
  }

  /** A batch was executed. `hadRoom`: for the request of whoever has waited longest. */
  noteBatch(hadRoom: boolean, awakeMs: number, { patienceMs }: Pick<FairnessRules, "patienceMs">): void {
    const first = this.#first();
    if (!first || !isKnown(first, awakeMs, patienceMs)) return;
    first.batches++;
    if (!hadRoom) first.fullBatches++;
  }

  /** A view starts: its primary has not kept anybody waiting yet. */
  startView(): void {
    for (const [owner, { served }] of this.#waiting) this.#waiting.set(owner, newWaiting(served));
  }

  /** What is wrong with how whoever has waited longest is treated; `null`: nothing. To be asked now and then. */
  verdict(awakeMs: number, { patienceMs, maxOvertaken }: FairnessRules): SuspicionReason | null {
    const first = this.#first();
    if (!first) return null;
    first.since ??= awakeMs;
    const waitedMs = awakeMs - first.since;
    if (first.overtaken > maxOvertaken && waitedMs > patienceMs / 2) return "overtaken";
    if (waitedMs <= patienceMs) return null;
    if (first.passedOver > 0) return "overtaken";
    return hadRoom(first) ? "slow-primary" : null;
  }

  #first(): Waiting | undefined {
    return this.#waiting.values().next().value;
  }
}

/** Whether the primary knows by now that it waits. */
export function isKnown({ since }: Pick<Waiting, "since">, awakeMs: number, patienceMs: number): boolean {
  return since !== null && awakeMs - since > patienceMs / 2;
}

/** Whether a primary that has executed these batches meanwhile had room. Full ones show that there is more to do than can be done. */
export function hadRoom({ batches, fullBatches }: Pick<Waiting, "batches" | "fullBatches">): boolean {
  return batches === 0 || fullBatches < batches;
}

function newWaiting(served: number): Waiting {
  return { served, since: null, batches: 0, fullBatches: 0, overtaken: 0, others: new Set(), passedOver: 0 };
}
