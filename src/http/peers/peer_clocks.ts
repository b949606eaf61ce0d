/**
 * How far this replica's clock is from the others'. Nothing of the protocol goes by it (see agreed_time.ts); it is for whoever runs the
 * replica, before the day when timestamps of requests, logs or certificates matter.
 *
 * The others' clocks are read from the stamps with which members prove themselves at each delivery and each socket (see membership.ts):
 * microseconds of the sender's clock, under a key that only the two have. The agreed time would say less: there is none in a cluster that
 * nobody has asked anything, a primary may push it by `maxClockSkewMs`, and a wrong clock that proposed first set it for all.
 *
 * What comes late makes its sender's clock look slow, so of the readings of some minutes the highest counts. A reading goes on by this
 * host's monotonic clock: a change of the wall clock here shows at once, also where sockets stay open and bring no stamp for days.
 *
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import { maxFaulty } from "../../core/messages/quorum.ts";
import type { Timer } from "../../node/ports.ts";
import type { Trouble } from "../../node/trouble.ts";

/** What it needs. */
export interface PeerClocksOptions {
  /** How many members the cluster has. */
  readonly n: number;
  readonly timer: Pick<Timer, "now" | "monotonic">;
  readonly onTrouble?: ((trouble: Trouble) => void) | undefined;
}

/** More is worth telling, ms: hosts that ask a time server are within tenths of a second. */
const WARN_MS = 2_000;
/** It is right again below this, so that nothing is told again and again around the bound. */
const RIGHT_MS = WARN_MS / 2;
/** While it lasts it is told again so often, ms. */
const REMIND_MS = 3_600_000;
/** It is looked at this often, ms. */
const LOOK_MS = 5_000;
/** The highest reading of one to two of these counts, ms. */
const WINDOW_MS = 300_000;

/** A member's clock, as what it shows when the monotonic clock here shows 0. */
interface Reading {
  since: number;
  highest: number;
  before: number;
}

/** The others' clocks. */
export class PeerClocks {
  readonly #options: PeerClocksOptions;
  readonly #readings = new Map<ReplicaId, Reading>();
  #lookedAt = -Infinity;
  #toldAt: number | null = null;

  constructor(options: PeerClocksOptions) {
    this.#options = options;
  }

  /** A member has shown its clock just now, ms. */
  heard(member: ReplicaId, clock: number): void {
    const now = this.#options.timer.monotonic();
    const shown = clock - now;
    const reading = this.#readings.get(member);
    if (!reading) this.#readings.set(member, { since: now, highest: shown, before: -Infinity });
    else if (now - reading.since < WINDOW_MS) reading.highest = Math.max(reading.highest, shown);
    else Object.assign(reading, { since: now, highest: shown, before: reading.highest });
    this.#look(now);
  }

  /** How far this clock is ahead of a member's, ms; `null`: not known. */
  aheadOf(member: ReplicaId): number | null {
    const reading = this.#readings.get(member);
    if (!reading) return null;
    const { timer } = this.#options;
    return Math.round(timer.now() - (Math.max(reading.highest, reading.before) + timer.monotonic()));
  }

  /**
   * How far this clock is ahead of the others', ms; less than 0: behind; `null`: too few are known. At least f + 1 of the others say so
   * or more, so one that is correct: the middle of three in a cluster of four. f liars move it only as far as correct clocks differ.
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
    const isWrong = Math.abs(aheadMs) > (this.#toldAt === null ? WARN_MS : RIGHT_MS);
    if (!isWrong) {
      if (this.#toldAt !== null) this.#options.onTrouble?.({ kind: "clock-right", aheadMs });
      this.#toldAt = null;
    } else if (this.#toldAt === null || now - this.#toldAt >= REMIND_MS) {
      this.#toldAt = now;
      this.#options.onTrouble?.({ kind: "clock-wrong", aheadMs });
    }
  }
}
