/**
 * A caller without a key. It posts goPBFT's JSON to `/req` of a correct replica, its gateway, and without an answer to another one.
 * Some let the gateway make the timestamp. Their operations can't be asked again: what becomes of one without an answer is unknown.
 * @module
 */
import { weakQuorum } from "../../../core/messages/quorum.ts";
import type { ReplicaId } from "../../../core/messages/ids.ts";
import { fromUtf8, utf8 } from "../../../wire/mod.ts";
import { History, type Invocation } from "../../clients/history.ts";
import { ANY_TIME } from "../../clients/known_requests.ts";
import type { ClientOptions } from "../../clients/signed_client.ts";
import { ThinkTime } from "../../clients/think_time.ts";
import { shown } from "../../world/observed_core.ts";
import type { Beliefs } from "./beliefs.ts";
import type { Caller } from "../parts.ts";

/** The parts of such a caller. */
export interface GuestCallerOptions extends ClientOptions {
  readonly fetch: typeof globalThis.fetch;
  readonly beliefs: Beliefs;
  /** The replicas that it may trust. */
  readonly gateways: () => readonly ReplicaId[];
}

/** The answer of a gateway. */
interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Without an answer for this long it asks another gateway, or the same one, ms. */
const PATIENCE_MS = 4_000;
/** The pause after a refusal, ms. */
const PAUSE_MS = 500;
/** The part of its operations that are none. */
const WRONG = 0.15;
/** More names than any run has. */
const MANY_NAMES = 64;

/** A program that posts. */
export class GuestCaller implements Caller {
  readonly #options: GuestCallerOptions;
  readonly #thinkTime: ThinkTime;
  /** Whether it counts by itself. */
  readonly #counts: boolean;
  #timestamp = 0;
  #asked = 0;
  #isWaiting = false;
  #isHurried = false;

  constructor(options: GuestCallerOptions) {
    const { world, random, habits } = options;
    this.#options = options;
    this.#counts = random.chance(0.7);
    this.#thinkTime = new ThinkTime(world.engine, random, habits.thinkMs);
  }

  get isDone(): boolean {
    return this.#asked >= this.#options.habits.operations && !this.#isWaiting;
  }

  start(): void {
    if (this.#asked < this.#options.habits.operations) this.#thinkTime.before(() => void this.#act());
  }

  hurry(): void {
    this.#isHurried = true;
    this.#thinkTime.hurry();
  }

  async #act(): Promise<void> {
    const { world: { engine, checker, trace, coverage }, random, workload, history, name, nextId } = this.#options;
    // What is no operation at all is rejected, and the gateway must say so. No model knows it.
    const isWrong = random.chance(WRONG);
    const operation = isWrong ? utf8(`NONSENSE ${nextId()}`) : workload.operation(random, nextId());
    const timestamp = this.#counts ? ++this.#timestamp : undefined;
    this.#asked++;
    this.#isWaiting = true;
    checker.requests.asked(name, timestamp ?? ANY_TIME, operation);
    trace.line(name, () => `posts t=${timestamp ?? "?"}: ${shown(operation)}`);
    const invocation = (isWrong ? new History() : history).invoke(name, operation, engine.now);
    const body = JSON.stringify({
      clientID: name,
      ...timestamp !== undefined && { timestamp },
      operation: fromUtf8(operation),
    });
    do {
      const answer = await this.#post(body);
      coverage.count("http /req", answer ? `${answer.status}` : "no answer");
      if (answer) this.#read(answer, invocation);
      if (invocation.outcome === null && this.#counts) await this.#pause();
    } while (invocation.outcome === null && this.#counts);
    if (invocation.outcome === null && this.#isHurried) this.#asked--;
    this.#isWaiting = false;
    this.start();
  }

  /** `null`: there is no answer in time. */
  async #post(body: string): Promise<Answer | null> {
    const { world: { engine, hosts }, random, gateways, fetch } = this.#options;
    const controller = new AbortController();
    const cancel = engine.alarm(this.#counts ? PATIENCE_MS : 4 * PATIENCE_MS, () => controller.abort());
    try {
      const url = `${hosts.urlOf(random.pick(gateways()))}/req`;
      const headers = { "content-type": "application/json" };
      const response = await fetch(url, { method: "POST", headers, body, signal: controller.signal });
      return { status: response.status, text: await response.text() };
    } catch {
      return null;
    } finally {
      cancel();
    }
  }

  #read({ status, text }: Answer, invocation: Invocation): void {
    const { world: { report, genesis }, name } = this.#options;
    const complain = () =>
      report("service", `${name} is answered ${status} for ${shown(invocation.operation)}: ${text.trim()}`);
    if (status === 200) return this.#believe(invocation, text, resultIn(text));
    const { type = "", detail = "" } = jsonOf(text);
    switch (String(type).replace("urn:problem-type:pbft:", "")) {
      case "rejected":
        return this.#believe(invocation, text, null, `rejected: ${detail}`);
      case "too-many-clients":
        return genesis.limits.maxNames < MANY_NAMES ? undefined : complain();
      case "overloaded":
      case "too-many-requests":
      case "unavailable":
      case "no-quorum":
      case "expired":
      case "too-early":
        return;
      default:
        complain();
    }
  }

  /** `raw`: the result as it stands in the answer. */
  #believe(invocation: Invocation, text: string, raw: string | null, rejection?: string): void {
    const { world: { report, engine, genesis }, name, beliefs } = this.#options;
    const { operation } = invocation;
    const { sequenceID: sequence, clientID, voters } = jsonOf(text) as { [field: string]: unknown };
    const isBacked = Array.isArray(voters) && new Set(voters).size >= weakQuorum(genesis.replicas.length);
    if (typeof sequence !== "number" || clientID !== name || !isBacked) {
      return report("answers", `${name} gets an answer that is not backed by f + 1 replicas, or another's: ${text}`);
    }
    const asked = { name, client: `name:${name}`, operation, sequence };
    const outcomes = beliefs.outcomesAt(asked) ?? [];
    const outcome = rejection ?? outcomes.find((one) => rawOf(one) === raw) ?? String(raw);
    invocation.answeredAt = engine.now;
    invocation.outcome = outcome;
    beliefs.add({ ...asked, outcome });
  }

  #pause(): Promise<void> {
    const { world: { engine }, random } = this.#options;
    return new Promise((resolve) => engine.after(random.exponential(PAUSE_MS), resolve));
  }
}

/** The text of `result` in an answer, as it stands there. */
function resultIn(text: string): string | null {
  return /"result":(.*),"voters":/s.exec(text)?.[1] ?? null;
}

/** A result as a gateway writes it: JSON unchanged, other text as a string. */
function rawOf(outcome: string): string {
  try {
    JSON.parse(outcome);
    return outcome;
  } catch {
    return JSON.stringify(outcome);
  }
}

function jsonOf(text: string): { readonly [field: string]: unknown } {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}
