/**
 * A client without a key. It sends one operation after another through a correct replica as its gateway. Without an
 * answer it sends the same one through another gateway.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { GatewayAnswer } from "../../node/gateway/gateway_operations.ts";
import type { Rejection } from "../../node/ports.ts";
import { fromUtf8 } from "../../wire/mod.ts";
import type { Invocation } from "./history.ts";
import { shown } from "../world/observed_core.ts";
import type { ClientOptions } from "./signed_client.ts";
import { ThinkTime } from "./think_time.ts";

/** Without an answer for this long it asks another gateway, ms. */
const RETRY_MS = 2_500;
/** A gateway request is valid for at least this long, ms. */
const LEAST_VALID_MS = 20_000;
/** More names than any run has. */
const MANY_NAMES = 64;
/** The pause after an answer, ms. */
const PAUSE_MS = 200;

/** A client without a key. */
export class UnsignedClient {
  readonly #options: ClientOptions;
  /** The replicas that it may trust as gateways. */
  readonly #gateways: () => readonly ReplicaId[];
  readonly #thinkTime: ThinkTime;
  #timestamp = 0;
  #isWaiting = false;

  constructor(options: ClientOptions, gateways: () => readonly ReplicaId[]) {
    this.#options = options;
    this.#gateways = gateways;
    this.#thinkTime = new ThinkTime(options.world.engine, options.random, options.habits.thinkMs);
  }

  /** Whether all its operations are answered. */
  get isDone(): boolean {
    return this.#timestamp >= this.#options.habits.operations && !this.#isWaiting;
  }

  /** Starts. */
  start(): void {
    if (this.#timestamp < this.#options.habits.operations) this.#thinkTime.before(() => this.#invoke());
  }

  /** From now on its pauses are short. */
  hurry(): void {
    this.#thinkTime.hurry();
  }

  #invoke(): void {
    const { world, random, workload, history, name, nextId } = this.#options;
    const operation = workload.operation(random, nextId());
    const timestamp = ++this.#timestamp;
    this.#isWaiting = true;
    world.checker.requests.asked(name, timestamp, operation);
    world.trace.line(name, () => `asks t=${timestamp}: ${shown(operation)}`);
    this.#ask(timestamp, history.invoke(name, operation, world.engine.now));
  }

  #ask(timestamp: number, invocation: Invocation): void {
    const { world: { engine, network }, random, name, habits: { gateways = 1 } } = this.#options;
    if (invocation.outcome !== null) return;
    const asked = gateways === 1
      ? [random.pick(this.#gateways())]
      : random.shuffled(this.#gateways()).slice(0, gateways);
    const askedAt = engine.now;
    for (const gateway of asked) {
      network.ask(
        gateway,
        (station) => station.vouch({ name, timestamp, operation: invocation.operation }),
        (answer) => this.#onAnswer(invocation, answer, engine.now - askedAt),
      );
    }
    engine.after(RETRY_MS, () => this.#ask(timestamp, invocation));
  }

  #onAnswer(invocation: Invocation, answer: GatewayAnswer | Rejection, afterMs: number): void {
    const { world, name } = this.#options;
    if (invocation.outcome !== null || "reason" in answer) return;
    const { status, value, sequence } = answer.results[0]!;
    if (status === "refused") {
      const reason = fromUtf8(value);
      const isEarly = afterMs < LEAST_VALID_MS && world.demands.includes("no-early-expiry");
      // There are more names than the table has room for.
      const isTold = reason === "expired" ||
        (reason === "too-many-clients" && world.genesis.limits.maxNames < MANY_NAMES);
      if (!isTold || isEarly) world.report("service", `${name} is refused at ${sequence}: ${reason}`);
      return;
    }
    invocation.answeredAt = world.engine.now;
    invocation.outcome = `${status === "ok" ? "" : "rejected: "}${shown(value)}`;
    this.#isWaiting = false;
    world.engine.after(PAUSE_MS, () => this.start());
  }
}
