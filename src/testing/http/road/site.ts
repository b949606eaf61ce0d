/**
 * The HTTP interface of one process: the app of production on simulated ports.
 * @module
 */
import { createMeasuredApp, type MeasuredApp } from "../../../http/app.ts";
import type { AppOptions } from "../../../http/app_options.ts";
import { deferred } from "../../../node/async/deferred.ts";
import type { Random } from "../../random.ts";
import type { Engine } from "../../world/engine.ts";
import type { Report } from "../../violation.ts";
import { SimulatedTimer } from "../../world/clock.ts";
import type { HostedReplica } from "../ports.ts";

/** Limits of the HTTP interfaces. */
export type Policy = Omit<AppOptions, "timer" | "urls" | "signal" | "onInternalError">;

/** The parts of a site. */
export interface SiteOptions {
  readonly engine: Engine;
  readonly hosted: HostedReplica;
  readonly urls: Readonly<Record<string, string>>;
  readonly policy: Policy;
  readonly report: Report;
}

/** The connection is gone: its process has ended. */
export class ConnectionLost extends Error {}

/** One HTTP interface, from the start of its process to its end. */
export class Site {
  readonly hosted: HostedReplica;
  /** Decides on its lies. */
  readonly random: Random;
  /** How it lies. */
  readonly isImpostor: boolean;
  /** Earlier answers of a liar. */
  readonly memory: Uint8Array[] = [];
  readonly #measured: MeasuredApp;
  readonly #timer: SimulatedTimer;
  readonly #ending = new AbortController();
  readonly #ended = deferred<never>();

  constructor({ engine, hosted, urls, policy, report }: SiteOptions) {
    this.hosted = hosted;
    this.#timer = new SimulatedTimer(engine, hosted.clock);
    this.random = hosted.random.fork();
    this.isImpostor = this.random.chance(0.3);
    this.#ended.promise.catch(() => {});
    this.#measured = createMeasuredApp(hosted.node, {
      ...policy,
      timer: this.#timer,
      urls,
      signal: this.#ending.signal,
      onInternalError: (error) => {
        if (!this.isOver && !hosted.isFaulty) {
          report("no-exception", `a route of ${hosted.label} threw ${error.stack}`);
        }
      },
    });
  }

  /** Whether its process has ended. */
  get isOver(): boolean {
    return this.#ending.signal.aborted;
  }

  /** What its routes hold. */
  get usage(): Readonly<Record<string, number>> {
    return this.#measured.usage();
  }

  /** Its process has ended: all its connections break. */
  end(): void {
    if (this.isOver) return;
    this.#timer.isDead = true;
    this.#ending.abort();
    this.#ended.reject(new ConnectionLost("the connection was reset"));
  }

  /** Answers a request from this address. Rejects if the process ends before. */
  async answer(request: Request, address: string): Promise<Response> {
    return await this.unlessEnded(this.#answer(request, address));
  }

  /** The promise, or a {@linkcode ConnectionLost} if the process ends before it settles. */
  unlessEnded<T>(promise: Promise<T>): Promise<T> {
    return Promise.race([promise, this.#ended.promise]);
  }

  async #answer(request: Request, address: string): Promise<Response> {
    const { life } = this.hosted;
    while (life.paused) await life.paused;
    return await this.#measured.app.fetch(request, { remoteAddr: { hostname: address } });
  }
}
