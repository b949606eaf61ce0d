/**
 * A client without a key: one operation after another through any correct replica as its gateway; if there is no answer, the same
 * again through another.
 * @module
 */
import type { ReplicaId } from "../core/ids.ts";
import type { VouchedAnswer } from "../node/gateway.ts";
import type { Rejection } from "../node/ports.ts";
import { fromUtf8 } from "../wire/mod.ts";
import type { Invocation } from "./history.ts";
import { shown } from "./observed_core.ts";
import type { ClientOptions } from "./signed_client.ts";
import { Thinking } from "./thinking.ts";

/** Without an answer for so long another gateway is asked, ms. */
const RETRY_MS = 2_500;
/** After a refusal that passes. */
const PAUSE_MS = 200;

/** A client without a key. */
export class UnsignedClient {
  readonly #options: ClientOptions;
  /** Those that it may trust. */
  readonly #gateways: () => readonly ReplicaId[];
  readonly #thinking: Thinking;
  #timestamp = 0;
  #isWaiting = false;

  constructor(options: ClientOptions, gateways: () => readonly ReplicaId[]) {
    this.#options = options;
    this.#gateways = gateways;
    this.#thinking = new Thinking(options.world.engine, options.random, options.habits.thinkMs);
  }

  /** Whether all its operations are answered. */
  get isDone(): boolean {
    return this.#timestamp >= this.#options.habits.operations && !this.#isWaiting;
  }

  /** Begins. */
  start(): void {
    if (this.#timestamp < this.#options.habits.operations) this.#thinking.before(() => this.#invoke());
  }

  /** From now on it asks as soon as it can. */
  hurry(): void {
    this.#thinking.hurry();
  }

  #invoke(): void {
    const { world, random, workload, history, name, nextId } = this.#options;
    const operation = workload.operation(random, nextId());
    const timestamp = ++this.#timestamp;
    this.#isWaiting = true;
    world.witness.asked(name, timestamp, operation);
    world.trace.line(name, () => `asks t=${timestamp}: ${shown(operation)}`);
    this.#ask(timestamp, history.invoke(name, operation, world.engine.now));
  }

  #ask(timestamp: number, invocation: Invocation): void {
    const { world: { engine, network }, random, name } = this.#options;
    if (invocation.outcome !== null) return;
    network.ask(
      random.pick(this.#gateways()),
      (station) => station.vouch({ name, timestamp, operation: invocation.operation }),
      (answer) => this.#onAnswer(invocation, answer),
    );
    engine.after(RETRY_MS, () => this.#ask(timestamp, invocation));
  }

  #onAnswer(invocation: Invocation, answer: VouchedAnswer | Rejection): void {
    const { world, name } = this.#options;
    if (invocation.outcome !== null || "reason" in answer) return;
    const { status, value, sequence } = answer.results[0]!;
    if (status === "refused") {
      const reason = fromUtf8(value);
      if (reason !== "expired") world.report("service", `${name} is refused at ${sequence}: ${reason}`);
      return;
    }
    invocation.answeredAt = world.engine.now;
    invocation.outcome = `${status === "ok" ? "" : "rejected: "}${shown(value)}`;
    this.#isWaiting = false;
    world.engine.after(PAUSE_MS, () => this.start());
  }
}
