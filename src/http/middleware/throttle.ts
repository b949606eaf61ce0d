/**
 * Throttles answers: reads, refused requests, and accepted requests whose bodies were costly to read.
 * @module
 */
import { millis } from "../../core/messages/ids.ts";
import type { Timer } from "../../node/ports.ts";
import type { Caller } from "./callers.ts";

/** Options of {@linkcode Throttle}. */
export interface ThrottleOptions {
  readonly timer: Timer;
  /** Answers per second, on average. */
  readonly perSecond: number;
  /** Answers at once after a pause. */
  readonly burst: number;
}

/** Maximum number of remembered keys; beyond it the least recently used is forgotten. */
const MAX_KEYS = 4_096;
/** Maximum delay of one answer, ms. */
const MAX_WAIT_MS = 2_000;
/**
 * On a host whose timers fire this late, ms, an answer costs twice as much as on an idle host. At twice this lateness
 * it costs three times as much.
 */
const LATE_MS = 10;
/** The most that it then costs. */
const MAX_FACTOR = 20;
/** After each further turn, the remembered lateness shrinks by this factor. */
const LEFT = 31 / 32;

/**
 * Delays the answers to one key (an address, or a member) so that they keep the configured rate. It refuses nothing. A
 * connection carries one request at a time, so a delayed answer costs this host one timer, and the sender cannot send
 * its next request on that connection meanwhile.
 */
export class Throttle {
  readonly #options: ThrottleOptions;
  /** When the next answer to each key is due, ms of the monotonic clock. In order of last use. */
  readonly #due = new Map<string, number>();
  /** How late timers fire, ms: the greatest lateness of the last turns. */
  #lateMs = 0;

  constructor(options: ThrottleOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the answer to this key is due; at once if the key is `undefined`. `cost`: how many answers it
   * counts for.
   */
  async turn(key: string | undefined, cost = 1): Promise<void> {
    if (key === undefined) return;
    const waitMs = Math.ceil(this.#waitMs(key, cost * this.#factor));
    if (waitMs < 1) return;
    const { timer } = this.#options;
    const dueAt = timer.monotonic() + waitMs;
    await new Promise<void>((resolve) => void timer.schedule(millis(timer.now() + waitMs), resolve));
    this.#lateMs = Math.max(LEFT * this.#lateMs, timer.monotonic() - dueAt);
  }

  /**
   * How much more than on an idle host an answer costs. Where a host has too little CPU time for all that it has to do,
   * votes come before those who ask much.
   */
  get #factor(): number {
    return Math.min(MAX_FACTOR, 1 + this.#lateMs / LATE_MS);
  }

  #waitMs(key: string, cost: number): number {
    const { timer, perSecond, burst } = this.#options;
    const now = timer.monotonic();
    const due = Math.max(this.#due.get(key) ?? -Infinity, now - burst / perSecond * 1000) + cost / perSecond * 1000;
    const waitMs = Math.min(due - now, MAX_WAIT_MS);
    this.#due.delete(key);
    this.#due.set(key, now + waitMs);
    if (this.#due.size > MAX_KEYS) this.#due.delete(this.#due.keys().next().value!);
    return waitMs;
  }
}

/**
 * For one address. Such an answer costs 100 to 200 us, so this is about 15 % of a core; a monitor needs far less. The
 * burst is about 50 ms of work: a larger one would delay votes.
 */
const ADDRESS = { perSecond: 1_000, burst: 250 };
/** For all addresses of strangers together. */
const STRANGERS = { perSecond: 1_500, burst: 375 };
/** Reads that cost more, as multiples. */
const COSTLY_READS: Readonly<Record<string, number>> = { "/metrics": 4 };
/** The route at which anybody may say that there is a later epoch. As everybody may, such a POST counts like a read. */
const HEARSAY = "/epochs";
/** For refused requests of one member that has proved itself. A correct one retries ever more rarely. */
const MEMBER = { perSecond: 50, burst: 250 };
/** Cost of reading a body, as a multiple of a small request, above which even an accepted request is throttled. */
const MAX_FREE_COST = 4;

/** The pace of all callers. */
export class Pacing {
  readonly #addresses: Throttle;
  readonly #strangers: Throttle;
  readonly #members: Throttle;

  constructor(timer: Timer) {
    this.#addresses = new Throttle({ timer, ...ADDRESS });
    this.#strangers = new Throttle({ timer, ...STRANGERS });
    this.#members = new Throttle({ timer, ...MEMBER });
  }

  /** Before a request is handled: a read waits for its turn, and so does a POST to `/epochs`. */
  async before({ method, path }: { readonly method: string; readonly path: string }, caller: Caller): Promise<void> {
    if (method !== "POST" || path === HEARSAY) await this.#turn(caller, COSTLY_READS[path]);
  }

  /**
   * Before an answer with this status is given. If the caller has hung up, the answer does not wait: a host holds some
   * 100 KB for each request, and the caller can come again on a new connection in any case.
   */
  async after(method: string, caller: Caller, status: number): Promise<void> {
    const isRefused = status >= 400;
    if (caller.proof) return await this.#members.turn(isRefused ? String(caller.proof.member) : undefined);
    if (method !== "POST" || caller.hasHungUp || !(isRefused || caller.cost > MAX_FREE_COST)) return;
    await this.#turn(caller, caller.cost);
  }

  async #turn({ kind, network }: Caller, cost?: number): Promise<void> {
    const all = kind === "stranger" && network !== undefined ? this.#strangers.turn("all", cost) : undefined;
    await this.#addresses.turn(network, cost);
    await all;
  }
}
