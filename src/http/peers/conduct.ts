/**
 * The conduct of members: one that delivers faulty frames counts as a stranger for a while.
 *
 * A member has rights: its frames are checked in turns of its own, its bodies have their own budget, it opens sockets.
 * A correct member sends no faulty frame, such as one with a wrong signature, except while it runs a later version with
 * messages that are not known here. Faults are counted to the member that delivers a frame and has proved itself, so
 * nobody can cause another member to be distrusted.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { HostEvent } from "../../node/host_event.ts";
import { isFault } from "../../node/in/refused.ts";
import type { Rejection, Timer } from "../../node/ports.ts";
import { TokenBuckets } from "../middleware/token_buckets.ts";

/** Faulty frames that a member may deliver: so many at once, and so many per second. */
const FAULTS = { burst: 64, perSecond: 1 };
/**
 * Messages on sockets for which there was no room. A correct member stops at `busy`, and tries again with one delivery
 * after a second. If its sender has used up what it may cost, a message counts as 16, or one for each 4 KiB: at once
 * these are 256 messages, or 16 MiB, seven times as much as a correct member has in flight.
 */
const REFUSED = { burst: 4_096, perSecond: 64 };
const UNREAD = { least: 16, bytes: 4 * 1024 };
/** How long a member that delivers more is distrusted, ms. */
const DISTRUST_MS = 60_000;
/** A cluster has far fewer members. */
const MAX_MEMBERS = 1_024;

/** Options of {@linkcode MemberConduct}. */
export interface MemberConductOptions {
  readonly timer: Pick<Timer, "monotonic">;
  readonly onHostEvent?: (event: HostEvent) => void;
}

/** The conduct of the members of one cluster. */
export class MemberConduct {
  readonly #options: MemberConductOptions;
  readonly #faults: TokenBuckets;
  readonly #refused: TokenBuckets;
  readonly #until = new Map<ReplicaId, number>();
  readonly #listeners: ((member: ReplicaId) => void)[] = [];

  constructor(options: MemberConductOptions) {
    this.#options = options;
    const now = () => options.timer.monotonic();
    this.#faults = new TokenBuckets({ limit: FAULTS, now, maxKeys: MAX_MEMBERS });
    this.#refused = new TokenBuckets({ limit: REFUSED, now, maxKeys: MAX_MEMBERS });
  }

  /** How long the member is still distrusted, ms; 0 if it is trusted. */
  distrustMs(member: ReplicaId): number {
    const until = this.#until.get(member);
    return until === undefined ? 0 : Math.max(0, until - this.#options.timer.monotonic());
  }

  /**
   * Counts the faults among the answers to a bundle of a member. The rest of a bundle, refused unread, is one fault.
   */
  onAnswers(member: ReplicaId, answers: readonly (Rejection | null)[]): void {
    for (const rejection of new Set(answers)) if (rejection && isFault(rejection)) this.onFault(member);
  }

  /** Counts a fault: a frame, or a body that is no bundle. */
  onFault(member: ReplicaId): void {
    if (this.#faults.take(String(member)) > 0) this.distrust(member);
  }

  /** Counts a message on a socket for which there was no room. `unreadBytes`: its size, if it was not even decoded. */
  onRefused(member: ReplicaId, unreadBytes: number | null = null): void {
    const cost = unreadBytes === null ? 1 : Math.max(UNREAD.least, unreadBytes / UNREAD.bytes);
    if (this.#refused.take(String(member), cost) > 0) this.distrust(member);
  }

  /** Distrusts a member from now on. */
  distrust(member: ReplicaId): void {
    if (this.distrustMs(member) > 0) return;
    this.#until.set(member, this.#options.timer.monotonic() + DISTRUST_MS);
    this.#options.onHostEvent?.({ kind: "member-distrusted", peer: member, forMs: DISTRUST_MS });
    for (const listener of this.#listeners) listener(member);
  }

  /** Calls `listener` whenever a member is distrusted. */
  onDistrusted(listener: (member: ReplicaId) => void): void {
    this.#listeners.push(listener);
  }
}
