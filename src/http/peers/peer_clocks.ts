/**
 * Compares this replica's clock with the clocks of the others. The protocol does not use it (see agreed_time.ts). It
 * warns the operator before a wrong clock matters for timestamps of requests, logs or certificates.
 *
 * The others' clocks are read from the stamps in the proofs of members (see membership.ts): microseconds of the
 * sender's clock, authenticated, at each delivery and at each new socket. The agreed time would say less: an idle
 * cluster has none, a primary may move it by `maxClockSkewMs`, and a wrong clock that proposed first sets it for all.
 *
 * A late delivery makes the sender's clock look slow, so the highest reading of the last minutes counts, unless one comes
 * that no delivery is so late for: then that clock was set back. A reading is
 * carried forward with this host's monotonic clock. So a change of the local wall clock shows at once, also where
 * sockets stay open and bring no stamp for days.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import { maxFaulty } from "../../core/messages/quorum.ts";
import type { Timer } from "../../node/ports.ts";
import type { HostEvent } from "../../node/host_event.ts";

/** Options of {@linkcode PeerClocks}. */
export interface PeerClocksOptions {
  /** Number of members of the cluster. */
  readonly n: number;
  readonly timer: Pick<Timer, "now" | "monotonic">;
  readonly onHostEvent?: ((event: HostEvent) => void) | undefined;
}

/** A larger offset is reported, ms: hosts with NTP are within tenths of a second. */
const WARN_MS = 2_000;
/** Below this offset the clock counts as right again, ms. The gap avoids repeated reports around the limit. */
const RIGHT_MS = WARN_MS / 2;
/** While the clock is wrong, the report is repeated at this interval, ms. */
const REMIND_MS = 3_600_000;
/** Interval of checks, ms. */
const LOOK_MS = 5_000;
/** The highest reading of the last one to two windows of this length counts, ms. */
const WINDOW_MS = 300_000;

/** No delivery takes so long, ms. */
const MAX_LATE_MS = 60_000;

/** A member's clock, as the value that it shows when the local monotonic clock shows 0. */
interface Reading {
  since: number;
  highest: number;
  before: number;
}

/** The clocks of the other members. */
export class PeerClocks {
  readonly #options: PeerClocksOptions;
  readonly #readings = new Map<ReplicaId, Reading>();
  #lookedAt = -Infinity;
  #reportedAt: number | null = null;

  constructor(options: PeerClocksOptions) {
    this.#options = options;
  }

  /** Records that a member's clock shows `clock` now, ms. */
  heard(member: ReplicaId, clock: number): void {
    const now = this.#options.timer.monotonic();
    const shown = clock - now;
    const reading = this.#readings.get(member);
    const isSetBack = reading && shown < Math.max(reading.highest, reading.before) - MAX_LATE_MS;
    if (!reading || isSetBack) this.#readings.set(member, { since: now, highest: shown, before: -Infinity });
    else if (now - reading.since < WINDOW_MS) reading.highest = Math.max(reading.highest, shown);
    else Object.assign(reading, { since: now, highest: shown, before: reading.highest });
    this.#look(now);
  }

  /** How far this clock is ahead of a member's, ms; `null` if unknown. */
  aheadOf(member: ReplicaId): number | null {
    const reading = this.#readings.get(member);
    if (!reading) return null;
    const { timer } = this.#options;
    return Math.round(timer.now() - (Math.max(reading.highest, reading.before) + timer.monotonic()));
  }

  /**
   * How far this clock is ahead of the others', ms; negative: behind; `null`: too few are known. At least f + 1 of the
   * others, so at least one correct one, show this offset or more: in a cluster of four it is the middle of three. f
   * faulty members can shift it only as far as correct clocks differ.
   */
  get ahead(): number | null {
    const f = maxFaulty(this.#options.n);
    const all = [...this.#readings.keys()].map((member) => this.aheadOf(member)!).sort((a, b) => a - b);
    if (all.length <= f) return null;
    const [one, other] = [all[f]!, all[all.length - 1 - f]!];
    if (one < 0 !== other < 0) return 0;
    return Math.abs(one) < Math.abs(other) ? one : other;
  }

  #look(now: number): void {
    if (now - this.#lookedAt < LOOK_MS) return;
    const aheadMs = this.ahead;
    if (aheadMs === null) return;
    this.#lookedAt = now;
    const isWrong = Math.abs(aheadMs) > (this.#reportedAt === null ? WARN_MS : RIGHT_MS);
    if (!isWrong) {
      if (this.#reportedAt !== null) this.#options.onHostEvent?.({ kind: "clock-right", aheadMs });
      this.#reportedAt = null;
    } else if (this.#reportedAt === null || now - this.#reportedAt >= REMIND_MS) {
      this.#reportedAt = now;
      this.#options.onHostEvent?.({ kind: "clock-wrong", aheadMs });
    }
  }
}
