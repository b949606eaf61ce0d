/**
 * One operation of a caller, from `submit` or `query` to its end.
 * @module
 */
import type { Digest } from "../../core/messages/ids.ts";
import { ClientClosedError, TimeoutError } from "../errors.ts";
import { type CallObserver, tell } from "../observer.ts";
import type { Outcome } from "./outcome.ts";

/** What a {@linkcode Call} is made from. */
export interface CallOptions {
  readonly operation: Uint8Array;
  /** Whether it is a query, which changes nothing even if its result is unknown. */
  readonly isQuery?: boolean;
  readonly signal: AbortSignal | undefined;
  /** When it times out, ms of the monotonic clock. */
  readonly deadline: number;
  /** Who follows it, if anybody does. */
  readonly observer?: CallObserver | undefined;
  /** Called once, when the call has ended for any reason. */
  readonly onEnd: () => void;
}

/** A call ends exactly once: with an outcome, an error, its signal, its deadline, or when the client closes. */
export class Call<T = Outcome> {
  readonly operation: Uint8Array;
  readonly deadline: number;
  readonly promise: Promise<T>;
  readonly observer: CallObserver | undefined;
  /**
   * The request that carries it. `null`: it was not sent, or the replicas refused that request for good, so it may be
   * sent again.
   */
  bundle: Bundle | null = null;
  #resolve: (outcome: T) => void = () => {};
  #reject: (reason: unknown) => void = () => {};
  readonly #signal: AbortSignal | undefined;
  readonly #isQuery: boolean;
  readonly #onEnd: () => void;
  #ended = false;

  constructor(options: CallOptions) {
    this.operation = options.operation;
    this.deadline = options.deadline;
    this.observer = options.observer;
    this.#signal = options.signal;
    this.#isQuery = options.isQuery ?? false;
    this.#onEnd = options.onEnd;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#signal?.addEventListener("abort", this.#onAbort);
  }

  get hasEnded(): boolean {
    return this.#ended;
  }

  resolve(outcome: T): void {
    if (this.#end()) this.#resolve(outcome);
  }

  reject(reason: unknown): void {
    if (this.#end()) this.#reject(reason);
  }

  /** `excuse`: the known reason of the timeout. */
  timeOut(timeoutMs: number, excuse: string): void {
    this.reject(new TimeoutError(timeoutMs, this.#effect, excuse));
  }

  clientClosed(): void {
    this.reject(new ClientClosedError(this.#effect));
  }

  get #effect(): "none" | "unknown" {
    return this.#isQuery || this.bundle === null ? "none" : "unknown";
  }

  #onAbort = (): void => this.reject(this.#signal!.reason);

  #end(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#onEnd();
    return true;
  }
}

/**
 * The reason of an abort when no caller waits any longer. It is a text, because making a `DOMException` costs as much
 * as sending a request.
 */
export const NOBODY_WAITS = "nobody waits for the answer any more";

/** The calls that share one signed request. */
export class Bundle {
  readonly #controller = new AbortController();
  #waiting: number;

  constructor(readonly calls: readonly Call[]) {
    this.#waiting = calls.length;
    for (const call of calls) call.bundle = this;
  }

  /** Aborts when no caller waits for the request any longer. */
  get abandoned(): AbortSignal {
    return this.#controller.signal;
  }

  /** Tells those who follow its calls that they are sent. */
  tellSent(request: Digest): void {
    for (const { observer } of this.calls) if (observer) tell(() => observer.onSent?.(request));
  }

  /** Notes that one of its calls has ended. */
  leave(): void {
    if (--this.#waiting === 0) this.#controller.abort(NOBODY_WAITS);
  }
}
