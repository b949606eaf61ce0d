/**
 * Locks as a program uses them: `await using lock = await locks.acquire("printer")`.
 */
import { type ClientOptions, createClient, RejectedError, type TypedClient } from "@pbft/edge/client";
import type { Machine } from "@pbft/edge/machine";
import { locks, PLACE_MS } from "./machine.ts";
import { withTrouble } from "../trouble.ts";

type Calls = typeof locks extends Machine<infer Types> ? TypedClient<Types> : never;

/** How a lock is taken. */
export interface AcquireOptions {
  /** How long the lease runs without being renewed, ms. Default 10,000. */
  readonly leaseMs?: number;
  /** Ends the waiting. Default: it goes on until the lock is there. */
  readonly signal?: AbortSignal;
}

/** While it waits, a client looks so often whether it is next, ms. A cluster that tells of changes would make this needless. */
const LOOK_MS = 200;
/** So often it asks for the lock although it does not seem to be free: that keeps its place, and lets the agreed time go on. */
const ASK_MS = PLACE_MS / 3;
/** Giving a place back may take so long: a place that is not given back is lost after {@linkcode PLACE_MS}, ms. */
const LEAVE_MS = 2_000;

/** A client of the lock service. */
export class LockClient {
  readonly calls: Calls;
  /** Told, in words, when a lock is asked for and too few replicas answer; `null`: there is a quorum again. */
  onTrouble: (trouble: string | null) => void = () => {};
  readonly #cluster: ClientOptions["cluster"];

  constructor(options: ClientOptions) {
    this.calls = createClient(locks, options);
    this.#cluster = options.cluster;
  }

  /** Takes a lock, when it is free and all who came before have had it. */
  acquire(lock: string, options: AcquireOptions = {}): Promise<HeldLock> {
    return this.#told(this.#acquire(lock, options));
  }

  /** Takes a lock if it is free; `null`: it is not. */
  tryAcquire(lock: string, options: Pick<AcquireOptions, "leaseMs"> = {}): Promise<HeldLock | null> {
    return this.#told(this.#tryAcquire(lock, options));
  }

  close(): void {
    this.calls.close();
  }

  #told<T>(call: Promise<T>): Promise<T> {
    return withTrouble(call, this.#cluster, (trouble) => this.onTrouble(trouble));
  }

  async #acquire(lock: string, { leaseMs = 10_000, signal }: AcquireOptions): Promise<HeldLock> {
    const as = crypto.randomUUID();
    try {
      for (;;) {
        signal?.throwIfAborted();
        const began = performance.now();
        const answer = await this.calls.acquire({ lock, as, leaseMs, wait: true }, signal ? { signal } : {});
        if (answer.granted) return new HeldLock(this.calls, lock, { ...answer, leaseMs, began });
        await this.#untilNext(lock, as, signal);
      }
    } catch (error) {
      // So that nobody has to wait until the place, or a lease that was given to it, has ended.
      if (!(error instanceof RejectedError)) {
        await this.calls.leave({ lock, as }, { signal: AbortSignal.timeout(LEAVE_MS) }).catch(() => {});
      }
      throw error;
    }
  }

  async #tryAcquire(lock: string, { leaseMs = 10_000 }: Pick<AcquireOptions, "leaseMs">): Promise<HeldLock | null> {
    const began = performance.now();
    const tried = await this.calls.acquire.try({ lock, as: crypto.randomUUID(), leaseMs });
    if (tried.ok && tried.value.granted) return new HeldLock(this.calls, lock, { ...tried.value, leaseMs, began });
    if (tried.ok || tried.error === "held") return null;
    throw new Error(`${lock}: ${tried.error} ${JSON.stringify(tried.detail)}`);
  }

  /** Resolves when the lock seems to be free and this attempt next; or when it is time to ask all the same. */
  async #untilNext(lock: string, as: string, signal: AbortSignal | undefined): Promise<void> {
    for (const end = performance.now() + ASK_MS; performance.now() < end;) {
      await pause(LOOK_MS, signal);
      const { until, first } = await this.calls.look(lock, signal ? { signal } : {});
      // The agreed time stands still while nothing is executed, so this machine's clock says when to ask.
      if (first === as && (until === null || until <= Date.now())) return;
    }
  }
}

/** A lock that is held, as far as this process can tell. */
export class HeldLock implements AsyncDisposable {
  /** Greater than that of every earlier holder of any lock. Send it with each write, to a resource that refuses smaller ones. */
  readonly token: number;
  readonly #calls: Calls;
  readonly #lost = new AbortController();
  readonly #leaseMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isReleased = false;

  constructor(
    calls: Calls,
    readonly lock: string,
    { token, leaseMs, began }: { readonly token: number; readonly leaseMs: number; readonly began: number },
  ) {
    this.#calls = calls;
    this.token = token;
    this.#leaseMs = leaseMs;
    this.#holds(began);
  }

  /**
   * Aborts when the lease has ended by this machine's clock, counted from before the request was sent. The agreed time may be ahead of it, so
   * this is a hint to stop early. What keeps a resource safe is the token.
   */
  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  /** Starts the lease anew. @throws {RejectedError} `lost`, if it has ended. */
  async renew(): Promise<void> {
    const began = performance.now();
    try {
      await this.#calls.renew({ lock: this.lock, token: this.token, leaseMs: this.#leaseMs });
    } catch (error) {
      if (error instanceof RejectedError) this.#lost.abort(error);
      throw error;
    }
    this.#holds(began);
  }

  /** Does work with the lock, and renews the lease in the meantime. The work's signal aborts when the lock is lost. */
  async during<T>(work: (signal: AbortSignal, token: number) => Promise<T>): Promise<T> {
    const renewals = setInterval(() => void this.renew().catch(() => {}), this.#leaseMs / 3);
    try {
      return await work(this.signal, this.token);
    } finally {
      clearInterval(renewals);
    }
  }

  /** Gives the lock back. */
  async release(): Promise<void> {
    if (this.#isReleased) return;
    this.#isReleased = true;
    clearTimeout(this.#timer);
    this.#lost.abort(new Error(`${this.lock} was released`));
    await this.#calls.release({ lock: this.lock, token: this.token });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  #holds(began: number): void {
    clearTimeout(this.#timer);
    if (this.signal.aborted) return;
    const lose = () => this.#lost.abort(new Error(`the lease of ${this.lock} has ended`));
    this.#timer = setTimeout(lose, Math.max(0, began + this.#leaseMs - performance.now()));
  }
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
