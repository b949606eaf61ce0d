/**
 * A caller with the client library, as an application uses it: calls that share requests, queries, calls that are given up, a small queue.
 * @module
 */
import { Client } from "../../../client/client.ts";
import {
  ClientError,
  OperationRejectedError,
  QueryRejectedError,
  QueueFullError,
  RefusedError,
  RequestDeniedError,
  TimeoutError,
} from "../../../client/errors.ts";
import type { Receipt } from "../../../client/proofs/proven.ts";
import type { Digest, Millis } from "../../../core/messages/ids.ts";
import { decodeFrame } from "../../../wire/mod.ts";
import type { Invocation } from "../../clients/history.ts";
import type { ClientOptions } from "../../clients/signed_client.ts";
import { ThinkTime } from "../../clients/think_time.ts";
import { SimulatedTimer } from "../../world/clock.ts";
import { shown } from "../../world/observed_core.ts";
import type { Beliefs } from "./beliefs.ts";
import type { Caller } from "../parts.ts";

/** The parts of such a caller. */
export interface ClientCallerOptions extends ClientOptions {
  readonly fetch: typeof globalThis.fetch;
  readonly beliefs: Beliefs;
  /** Called when it has an answer: whoever reads now must see what led to it. */
  readonly onAnswered: () => void;
}

/** The part of the calls that their caller gives up, and when, ms. */
const [GIVEN_UP, GIVEN_UP_MS] = [0.03, 2_000];
/** Clocks of callers are wrong by at most this, ms. */
const SKEW_MS = 3_600_000;
/** No operation of a workload is longer. */
const OPERATION_BYTES = 1_024;
/** The largest integer that the client asks for. */
const RANDOM = 2 ** 52;

/** An application with a client. */
export class ClientCaller implements Caller {
  readonly #options: ClientCallerOptions;
  readonly #client: Client;
  readonly #id: string;
  readonly #timer: CountingTimer;
  readonly #thinkTime: ThinkTime;
  /** Operations that were asked, but for those that must be asked again. */
  #asked = 0;
  #open = 0;
  #isPeeking = false;
  #isHurried = false;

  constructor(options: ClientCallerOptions) {
    const { world: { engine, crypto, genesis, epoch, checker }, name, random, habits, fetch } = options;
    this.#options = options;
    this.#thinkTime = new ThinkTime(engine, random, habits.thinkMs);
    const { privateKey, publicKey } = crypto.keyPair(`client ${name}`);
    this.#id = publicKey;
    const numbers = random.fork();
    const most = habits.pipelining * habits.bundle + 1;
    this.#timer = new CountingTimer(engine, { skewMs: random.int(-SKEW_MS, SKEW_MS), alarmMs: 0 });
    this.#client = new Client({
      cluster: { genesis, urls: epoch.urls },
      keyPair: { privateKey },
      fetch,
      timer: this.#timer,
      random: () => 1 + Math.floor(numbers.next() * RANDOM),
      digestReplies: random.chance(0.3),
      timeoutMs: random.pick([5_000, 30_000]),
      maxInFlight: random.pick([1, 2, 4]),
      // Exactly what it needs: a place that is not given back is missed.
      maxWaitingOperations: most,
      maxWaitingBytes: most * OPERATION_BYTES,
      observer: {
        onRequest: ({ digest }) => {
          checker.requests.made(digest);
          return undefined;
        },
      },
    });
  }

  get isDone(): boolean {
    return this.#asked >= this.#options.habits.operations && this.#open === 0;
  }

  start(): void {
    for (let i = 0; i < this.#options.habits.pipelining; i++) this.#think();
  }

  hurry(): void {
    this.#isHurried = true;
    this.#thinkTime.hurry();
  }

  /** Reads at once, whatever its habits are, unless such a read is under way: its client has one place more than its habits need. */
  peek(): void {
    if (!this.#options.workload.query || this.#isPeeking) return;
    this.#isPeeking = true;
    void this.#call(true).finally(() => this.#isPeeking = false);
  }

  get unrest(): string | null {
    const { alarms } = this.#timer;
    return alarms === 0 ? null : `${this.#options.name} has all its answers, and its client has ${alarms} alarms set`;
  }

  #think(): void {
    this.#thinkTime.before(() => void this.#act());
  }

  /** Some calls in one turn. They share a request, or more, and run in any order. */
  async #act(): Promise<void> {
    const { random, habits, workload, world: { trace }, name } = this.#options;
    const count = Math.min(random.int(1, habits.bundle), habits.operations - this.#asked);
    if (count <= 0) return;
    this.#asked += count;
    const isQuery = workload.query !== undefined && random.chance(habits.queries ?? 0);
    trace.line(name, () => `calls ${count} ${isQuery ? "queries" : "operations"}`);
    const ends = await Promise.all(Array.from({ length: count }, () => this.#call(isQuery)));
    // Once all is well, every operation must be answered.
    if (this.#isHurried) this.#asked -= ends.filter((isAnswered) => !isAnswered).length;
    trace.line(name, () => `has ${ends.filter(Boolean).length} of ${count} answers`);
    this.#think();
  }

  /** Returns whether there is an answer. */
  async #call(isQuery: boolean): Promise<boolean> {
    const { random, workload, history, name, nextId, world: { engine, coverage } } = this.#options;
    const operation = isQuery ? workload.query!(random) : workload.operation(random, nextId());
    const invocation = history.invoke(name, operation, engine.now);
    const controller = new AbortController();
    if (!this.#isHurried && random.chance(GIVEN_UP)) {
      engine.after(random.exponential(GIVEN_UP_MS), () => controller.abort(GIVEN_UP_REASON));
    }
    const { signal } = controller;
    this.#open++;
    try {
      if (isQuery) this.#note(invocation, shown(await this.#client.queryBytes(operation, { signal })));
      else {
        const { value, sequence, receipt } = await this.#client.submit(operation, { signal });
        this.#believe(invocation, { sequence, outcome: shown(value), receipt });
      }
      coverage.count("http call", isQuery ? "query" : "operation");
      return true;
    } catch (error) {
      coverage.count("http call", error === GIVEN_UP_REASON ? "given up" : `${(error as Error).name}`);
      return this.#failed(error, invocation, isQuery);
    } finally {
      this.#open--;
    }
  }

  #failed(error: unknown, invocation: Invocation, isQuery: boolean): boolean {
    const { world: { report }, name, history } = this.#options;
    const what = `${name}, ${shown(invocation.operation)}: ${error}`;
    if (error === GIVEN_UP_REASON) return false;
    if (error instanceof OperationRejectedError) {
      const { sequence, receipt, message } = error;
      this.#believe(invocation, { sequence, outcome: `rejected: ${message}`, receipt });
      return true;
    }
    if (error instanceof QueryRejectedError) {
      this.#note(invocation, `rejected: ${error.message}`);
      return true;
    }
    if (!(error instanceof ClientError)) report("no-exception", what);
    else if (error instanceof QueueFullError) report("bounds", `a place in a queue was not given back: ${what}`);
    else if (error instanceof RequestDeniedError) report("service", what);
    else if (error instanceof RefusedError && error.refusal !== "too-many-clients") report("service", what);
    else if (isQuery && error instanceof TimeoutError && error.effect !== "none") report("answers", what);
    else if (error.effect === "none") {
      // It was not executed, and never will be.
      history.invocations.splice(history.invocations.indexOf(invocation), 1);
    }
    return false;
  }

  #note(invocation: Invocation, outcome: string): void {
    const { world: { engine }, onAnswered } = this.#options;
    invocation.answeredAt = engine.now;
    invocation.outcome = outcome;
    onAnswered();
  }

  #believe(
    invocation: Invocation,
    believed: { readonly sequence: number; readonly outcome: string; readonly receipt: Receipt },
  ): void {
    const { beliefs, name, world: { checker } } = this.#options;
    const { receipt, outcome } = believed;
    this.#note(invocation, outcome);
    beliefs.add({ name, client: this.#id, operation: invocation.operation, ...believed });
    const { message } = decodeFrame(receipt.replies[0]!).signed;
    if (message.kind === "reply") checker.told(message.request as Digest, [...message.results]);
  }
}

/** Counts the alarms that are set. */
class CountingTimer extends SimulatedTimer {
  alarms = 0;

  override schedule(at: Millis, fire: () => void): () => void {
    this.alarms++;
    let isOver = false;
    const over = () => {
      if (!isOver) this.alarms--;
      isOver = true;
    };
    const cancel = super.schedule(at, () => {
      over();
      fire();
    });
    return () => {
      over();
      cancel();
    };
  }
}

/** One reason for all: nobody reads where it came from. */
const GIVEN_UP_REASON = new Error("its caller has given it up");
