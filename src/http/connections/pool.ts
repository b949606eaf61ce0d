/**
 * A bounded number of outgoing connections, for hosts that allow no more, such as six in a Durable Object; and a
 * bounded number of outgoing requests in one turn of the host, which begins with each request or alarm that comes in.
 *
 * | rule | so that |
 * | --- | --- |
 * | what decides goes first; bulk has a third of the connections at most, and its turn after it has waited for {@linkcode AGED_MS} | votes do not wait for blobs, and who catches up is not forgotten |
 * | a peer has one connection, or its equal share if that is more; a further one only while half of them are free | no peer keeps the others from theirs |
 * | who has had the least time on connections goes first | time is shared, and not turns: a peer that dawdles waits longer |
 * | peers whose deliveries are late have a third of the connections together, or as many as their part of all peers | who hangs can't hold all of them |
 * | a late delivery of such a peer is aborted if others wait | its place is given back |
 * | bulk leaves as many requests of a turn as there are peers | a turn has room for one more vote to all |
 *
 * What waits stays in the bounded outboxes of the peers, so the next delivery to a peer carries all that has gathered
 * meanwhile.
 * @module
 */
import { millis, type ReplicaId } from "../../core/messages/ids.ts";
import type { Connections, Lane, Timer, WaitingFrames } from "../../node/ports.ts";
import { Exchanges } from "./exchanges.ts";
import { LaneShares, type Lease, type Share } from "./lane_share.ts";

/** Bounds on what a host sends. */
export interface OutgoingLimits {
  /** Connections that are open at a time. */
  readonly maxConnections: number;
  /** Requests in one turn of the host: between one request or alarm that comes in, and the next. */
  readonly maxRequestsPerTurn: number;
}

/** Options of {@linkcode ConnectionPool}. */
export interface ConnectionPoolOptions extends OutgoingLimits {
  readonly timer: Timer;
  /** Called when something waits for the next turn. */
  readonly onTurnUsed?: () => void;
}

/** Bulk that has waited so long goes before what decides, ms. */
export const AGED_MS = 1_000;
/** Part of the connections that bulk, and slow peers, have: 1 / 3. */
const MINOR_PART = 3;
/** If only slow peers wait, a late delivery is aborted after this multiple of the patience. */
const SLOW_FACTOR = 4;
const LANES: readonly Lane[] = ["deciding", "bulk"];

/** The peers of one transport. */
interface Group {
  /** How many they are. */
  readonly peers: number;
  readonly lanes: Readonly<Record<Lane, LaneShares>>;
  readonly asked: (WaitingFrames | null)[];
  /** Who was slow at the last look: a delivery was or is late, in whichever lane. */
  isSlow: readonly boolean[];
}

interface Candidate {
  readonly group: Group;
  readonly peer: number;
  readonly lane: Lane;
  readonly share: Share;
  readonly isSlow: boolean;
  /** Lower ones go first: rank, connections in use, time on connections, and since when it waits. */
  readonly order: readonly number[];
}

/** The connections of one host. */
export class ConnectionPool {
  readonly #options: ConnectionPoolOptions;
  readonly #exchanges: Exchanges;
  #groups: readonly Group[];
  readonly #open = new Map<Lease, Group>();
  #requestsLeft: number;
  #cancelTimer: (() => void) | null = null;
  #willPump = false;

  /** @throws {RangeError} if a bound is no whole number from 1 on. */
  constructor(options: ConnectionPoolOptions) {
    for (const name of ["maxConnections", "maxRequestsPerTurn"] as const) {
      const value = options[name];
      if (!(Number.isSafeInteger(value) || value === Infinity) || value < 1) {
        throw new RangeError(`${name}: expected a whole number from 1 on, got ${value}`);
      }
    }
    this.#options = options;
    this.#requestsLeft = options.maxRequestsPerTurn;
    this.#exchanges = new Exchanges(options.timer, () => this.#pumpSoon());
    const exchanging = groupOf(1, 1);
    exchanging.asked[0] = this.#exchanges;
    this.#groups = [exchanging];
  }

  /** A turn of the host begins: a request or an alarm has come in. */
  beginTurn(): void {
    this.#requestsLeft = this.#options.maxRequestsPerTurn;
    this.#pumpSoon();
  }

  /** The connections of one transport, of a member among `n`. */
  to(n: number): Connections {
    const group = groupOf(n, Math.max(1, n - 1));
    // Those of earlier epochs go as soon as they have nothing to send.
    this.#groups = [...this.#groups.filter((one, i) => i === 0 || this.#isBusy(one)), group];
    return {
      ask: (peer: ReplicaId, frames: WaitingFrames) => {
        if (!this.#groups.includes(group)) this.#groups = [...this.#groups, group];
        group.asked[peer] = frames;
        this.#pumpSoon();
      },
    };
  }

  /** Runs an exchange with somebody on a connection of its own, as bulk. Rejects if too many wait. */
  run<T>(exchange: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.#exchanges.run(exchange);
  }

  /** In a microtask, so that all who ask now are compared. */
  #pumpSoon(): void {
    if (this.#willPump) return;
    this.#willPump = true;
    queueMicrotask(() => {
      this.#willPump = false;
      for (let next = this.#next(); next; next = this.#next()) this.#start(next);
    });
  }

  /** The candidate whose turn it is. Gives back the places of deliveries that are late, if others wait for them. */
  #next(): Candidate | undefined {
    const now = this.#options.timer.monotonic();
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    // Under load the usual case, and nothing can be done in it.
    if (this.#isFull && !this.#mayGiveWay(now)) {
      this.#wakeLater(now);
      return undefined;
    }
    const candidates = this.#candidates(now);
    if (candidates.length === 0) return undefined;
    if (candidates.some(({ lane, group }) => this.#requestsLeft <= this.#reserve(lane, group))) {
      this.#options.onTurnUsed?.();
    }
    const best = candidates.filter((one) => this.#may(one)).sort(byOrder)[0];
    if (best) return best;
    if (this.#requestsLeft <= 0) return undefined;
    const late = candidates.map((one) => this.#lateFor(one, now)).find((lease) => lease !== undefined);
    if (!late) {
      this.#wakeLater(now);
      return undefined;
    }
    this.#close(late, false);
    late.delivery.abort(new DOMException("delivery is late, and others wait for its connection", "TimeoutError"));
    return this.#next();
  }

  #candidates(now: number): readonly Candidate[] {
    const candidates: Candidate[] = [];
    for (const group of this.#groups) {
      const { lanes } = group;
      group.isSlow = group.asked.map((_, peer) => {
        return LANES.some((lane) => lanes[lane].isSlow(lanes[lane].shares[peer]!, now));
      });
      for (const [peer, frames] of group.asked.entries()) {
        for (const lane of frames ? LANES : []) {
          const share = lanes[lane].shares[peer]!;
          if (!frames!.waits(lane)) {
            share.since = null;
            continue;
          }
          share.since ??= now;
          const rank = lane === "deciding" || now - share.since >= AGED_MS ? 0 : 1;
          const order = [rank, share.leases.size, lanes[lane].usedMs(share, now), share.since];
          candidates.push({ group, peer, lane, share, isSlow: group.isSlow[peer]!, order });
        }
      }
    }
    return candidates;
  }

  /** Whether a candidate may have a connection now. */
  #may({ group, lane, share, isSlow }: Candidate): boolean {
    const { maxConnections } = this.#options;
    const free = maxConnections - this.#open.size;
    if (free <= 0 || this.#requestsLeft <= this.#reserve(lane, group)) return false;
    if ([...this.#open.keys()].filter((lease) => lease.lane === lane).length >= this.#room(lane)) return false;
    if (isSlow && slowLeases(group).length >= this.#roomOfSlow(group)) return false;
    if (isSlow && lane === "bulk" && slowLeases(group, lane).length >= this.#roomOfSlowBulk) return false;
    const equal = lane === "bulk" ? 1 : Math.max(1, Math.floor(maxConnections / group.peers));
    return share.leases.size < equal || (lane === "deciding" && !isSlow && 2 * (free - 1) >= maxConnections);
  }

  /** A delivery that must give way to a candidate, if there is one: the oldest. */
  #lateFor({ lane, isSlow }: Candidate, now: number): Lease | undefined {
    const isFull = this.#isFull;
    const late = [...this.#open].filter(([lease, { lanes }]) =>
      (isFull || lease.lane === lane) && lanes[lease.lane].isLate(lease, now)
    );
    return late.find(([lease, group]) => {
      if (isSlow) return now - lease.startedAt >= SLOW_FACTOR * group.lanes[lease.lane].patienceMs;
      if (lane === "bulk" && !isFull) return late.length > this.#roomOfSlowBulk;
      return late.length > this.#roomOfSlow(group);
    })?.[0];
  }

  /** Connections for this lane. */
  #room(lane: Lane): number {
    const { maxConnections } = this.#options;
    return lane === "deciding" ? maxConnections : Math.max(1, Math.floor(maxConnections / MINOR_PART));
  }

  /**
   * Connections for the slow peers of a group. If most are slow, the fault is rather on this side, and all are tried.
   */
  #roomOfSlow(group: Group): number {
    const { maxConnections } = this.#options;
    const slow = group.isSlow.filter((isSlow) => isSlow).length;
    return Math.max(1, Math.floor(maxConnections / MINOR_PART), Math.floor((slow / group.peers) * maxConnections));
  }

  /** Those among the connections for bulk: not all of them. */
  get #roomOfSlowBulk(): number {
    return Math.max(1, this.#room("bulk") - 1);
  }

  /** Requests of a turn that this lane leaves to the other. */
  #reserve(lane: Lane, { peers }: Group): number {
    if (lane === "deciding") return 0;
    return Math.min(peers, Math.floor(this.#options.maxRequestsPerTurn / 2));
  }

  #start({ group, peer, lane, share }: Candidate): void {
    this.#requestsLeft--;
    const delivery = group.asked[peer]!.start(lane);
    const lease: Lease = { lane, startedAt: this.#options.timer.monotonic(), delivery };
    share.since = null;
    share.leases.add(lease);
    this.#open.set(lease, group);
    void delivery.ended.then((isTaken) => {
      if (this.#close(lease, isTaken)) this.#pumpSoon();
    });
  }

  /** Returns whether it was open. */
  #close(lease: Lease, isTaken: boolean): boolean {
    const shares = this.#open.get(lease)?.lanes[lease.lane];
    if (!this.#open.delete(lease)) return false;
    const share = shares!.shares.find(({ leases }) => leases.has(lease))!;
    shares!.ended(share, lease, { isTaken, now: this.#options.timer.monotonic() });
    return true;
  }

  /** Looks again when the next delivery becomes late. Nothing is pending while no connection is open. */
  #wakeLater(now: number): void {
    const times = [...this.#open].flatMap(([{ lane, startedAt }, { lanes }]) => {
      const { patienceMs } = lanes[lane];
      return [startedAt + patienceMs, startedAt + SLOW_FACTOR * patienceMs].filter((at) => at > now);
    });
    if (times.length === 0) return;
    const { timer } = this.#options;
    const inMs = Math.ceil(Math.min(...times) - now);
    this.#cancelTimer = timer.schedule(millis(timer.now() + inMs), () => this.#pumpSoon());
  }

  get #isFull(): boolean {
    return this.#open.size >= this.#options.maxConnections;
  }

  /** Whether any delivery is so late, or so many are late, that one may have to give way. */
  #mayGiveWay(now: number): boolean {
    let late = 0;
    for (const [lease, { lanes }] of this.#open) {
      if (!lanes[lease.lane].isLate(lease, now)) continue;
      late++;
      if (now - lease.startedAt >= SLOW_FACTOR * lanes[lease.lane].patienceMs) return true;
    }
    return late > Math.max(1, Math.floor(this.#options.maxConnections / MINOR_PART));
  }

  #isBusy(group: Group): boolean {
    if ([...this.#open.values()].includes(group)) return true;
    return group.asked.some((frames) => LANES.some((lane) => frames?.waits(lane)));
  }
}

function groupOf(places: number, peers: number): Group {
  const lanes = { deciding: new LaneShares("deciding", places), bulk: new LaneShares("bulk", places) };
  return { peers, lanes, asked: Array.from({ length: places }, () => null), isSlow: [] };
}

/** What slow peers have, in one lane or both. */
function slowLeases({ lanes, isSlow }: Group, lane?: Lane): readonly Lease[] {
  return (lane ? [lane] : LANES).flatMap((one) =>
    lanes[one].shares.flatMap(({ leases }, peer) => isSlow[peer] ? [...leases] : [])
  );
}

function byOrder(a: Candidate, b: Candidate): number {
  const at = a.order.findIndex((value, i) => value !== b.order[i]);
  return at === -1 ? 0 : a.order[at]! - b.order[at]!;
}
