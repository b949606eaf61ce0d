/**
 * A correct client with a key. It opens a session, has several requests in flight at once, resends unanswered ones, and
 * accepts a result that f + 1 replicas have signed.
 * @module
 */
import type { ClientId, Digest, ReplicaId } from "../../core/messages/ids.ts";
import type { ClientRequest, Result } from "../../core/messages/messages.ts";
import { weakQuorum } from "../../core/messages/quorum.ts";
import { equalResults, Tally } from "../../core/messages/tally.ts";
import { sign, withDigest } from "../../node/environment.ts";
import type { Rejection, Signer } from "../../node/ports.ts";
import { decodeFrame, encodeFrame, fromUtf8, rootBytes, rootOf } from "../../wire/mod.ts";
import type { ClientHabits } from "./habits.ts";
import type { History, Invocation } from "./history.ts";
import { shown } from "../world/observed_core.ts";
import type { Random } from "../random.ts";
import { Reader } from "./reader.ts";
import { ThinkTime } from "./think_time.ts";
import type { Workload } from "../plan/workload.ts";
import { hostOf, type World } from "../world/world.ts";
import { KnownEpochs } from "./known_epochs.ts";

/** The parts of a client. */
export interface ClientOptions {
  readonly world: World;
  readonly name: string;
  readonly random: Random;
  readonly habits: ClientHabits;
  readonly workload: Workload;
  readonly history: History;
  /** Returns another number each time. */
  readonly nextId: () => number;
  /** Called with each operation that is answered. */
  readonly onAnswer?: (invocation: Invocation) => void;
}

interface Waiting {
  readonly digest: Digest;
  readonly frame: Uint8Array;
  readonly request: ClientRequest;
  readonly invocations: readonly Invocation[];
  tally: Tally<readonly Result[]>;
  retryMs: number;
}

/** Who answers, and as a member of which epoch it was asked. */
interface Answering {
  readonly replica: ReplicaId;
  readonly isFaulty?: boolean | undefined;
  readonly world: World;
}

/** Without an answer for this long a request goes to all replicas; doubling, ms. */
const RETRY = { firstMs: 400, mostMs: 4_000 };
/** Delay before an operation is tried again for which the session's window has no room, ms. */
const ORDER_LATER_MS = 100;

/** A correct client with a key. */
export class SignedClient {
  readonly #options: ClientOptions;
  readonly #signer: Signer;
  readonly #epochs: KnownEpochs;
  readonly #reader: Reader;
  readonly #waiting = new Map<Digest, Waiting>();
  readonly #thinkTime: ThinkTime;
  #session = 0;
  #nonce = 1;
  #timestamp = 1;
  #invoked = 0;
  #view = 0;
  /** Reads that must be ordered and wait for room in the window. */
  #unordered = 0;

  constructor(options: ClientOptions) {
    const { world: { engine, crypto, cluster }, name, random, habits } = options;
    this.#epochs = new KnownEpochs(options.world, name, () => random.fork());
    const epochs = this.#epochs;
    this.#options = options = {
      ...options,
      get world() {
        return epochs.world;
      },
    };
    this.#epochs.onMoved = () => this.#onMoved();
    this.#thinkTime = new ThinkTime(engine, random, habits.thinkMs);
    this.#signer = crypto.createSigner(crypto.keyPair(`client ${name}`).privateKey, cluster);
    this.#reader = new Reader({
      epochs,
      name,
      signer: this.#signer,
      onAnswer: (invocation, result) => this.#note(invocation, result),
      onSplit: (invocations) => this.#order(invocations),
      onDone: () => this.#think(),
    });
  }

  /** Whether all its operations are answered. */
  get isDone(): boolean {
    const { operations } = this.#options.habits;
    return this.#invoked >= operations && this.#waiting.size === 0 && this.#reader.open === 0 && this.#unordered === 0;
  }

  /** Starts. */
  start(): void {
    this.#open();
    for (let i = 0; i < this.#options.habits.pipelining; i++) this.#think();
  }

  /** Asks for an operation beyond those of its habits. */
  ask(operation: Uint8Array): void {
    const { history, name, world: { engine } } = this.#options;
    this.#order([history.invoke(name, operation, engine.now)]);
  }

  /** From now on its pauses are short. */
  hurry(): void {
    this.#thinkTime.hurry();
  }

  #open(): void {
    this.#send({ session: 0, timestamp: this.#nonce++, lowestUnanswered: 0, operations: [] }, []);
  }

  #think(): void {
    this.#thinkTime.before(() => this.#invoke());
  }

  #invoke(): void {
    const { world: { engine }, random, habits, history, workload, name, nextId } = this.#options;
    const count = Math.min(random.int(1, habits.bundle), habits.operations - this.#invoked);
    if (count <= 0) return;
    let last: Invocation | null = null;
    const invoke = (operation: Uint8Array) => last = history.invoke(name, operation, engine.now, last);
    if (workload.query && random.chance(habits.queries ?? 0)) {
      const { query } = workload;
      this.#invoked += count;
      return this.#reader.read(Array.from({ length: count }, () => invoke(query(random))));
    }
    if (this.#session === 0 || this.#isWindowFull) return this.#think();
    this.#invoked += count;
    this.#order(Array.from({ length: count }, () => invoke(workload.operation(random, nextId()))));
  }

  get #lowestUnanswered(): number {
    const own = [...this.#waiting.values()].filter(({ request }) => request.session === this.#session);
    return Math.min(this.#timestamp, ...own.map(({ request }) => request.timestamp));
  }

  get #isWindowFull(): boolean {
    return this.#timestamp >= this.#lowestUnanswered + this.#options.world.genesis.limits.sessionWindow;
  }

  /** Has operations ordered, once there is a session and room in its window. */
  #order(invocations: readonly Invocation[]): void {
    if (this.#session === 0 || this.#isWindowFull) {
      this.#unordered++;
      this.#options.world.engine.after(ORDER_LATER_MS, () => {
        this.#unordered--;
        this.#order(invocations);
      });
      return;
    }
    const lowestUnanswered = this.#lowestUnanswered;
    const operations = invocations.map(({ operation }) => operation);
    this.#send({ session: this.#session, timestamp: this.#timestamp++, lowestUnanswered, operations }, invocations);
  }

  #send(fields: Omit<ClientRequest, "kind" | "client">, invocations: readonly Invocation[]): void {
    const { world } = this.#options;
    const request: ClientRequest = { kind: "request", client: this.#signer.publicKey as ClientId, ...fields };
    const signed = withDigest(sign(this.#signer, request), world.crypto.hash);
    world.checker.requests.made(signed.digest);
    const waiting = {
      digest: signed.digest,
      frame: encodeFrame(signed),
      request,
      invocations,
      tally: new Tally(equalResults),
      retryMs: RETRY.firstMs,
    };
    this.#waiting.set(signed.digest, waiting);
    world.trace.line(this.#options.name, () => {
      return `asks t=${request.timestamp}: ${request.operations.map(shown).join(", ") || "to open a session"}`;
    });
    const { receivers = 1 } = this.#options.habits;
    for (let i = 0; i < receivers; i++) this.#ask(waiting, (this.#view + i) % world.genesis.replicas.length);
    this.#retryLater(waiting);
  }

  #retryLater(waiting: Waiting): void {
    for (const forged of this.#epochs.forgedReplies(waiting)) this.#onAnswer(waiting, forged.frame, forged);
    this.#options.world.engine.after(waiting.retryMs, () => {
      if (!this.#waiting.has(waiting.digest)) return;
      waiting.retryMs = Math.min(2 * waiting.retryMs, RETRY.mostMs);
      this.#epochs.doubt();
      this.#options.world.genesis.replicas.forEach((_, replica) => this.#ask(waiting, replica));
      this.#retryLater(waiting);
    });
  }

  #ask(waiting: Waiting, replica: number): void {
    const { world } = this.#options;
    world.network.ask(
      hostOf(world, replica as ReplicaId),
      (station) => station.submit(waiting.frame),
      (answer, by) => this.#onAnswer(waiting, answer, { replica: replica as ReplicaId, isFaulty: by.isFaulty, world }),
    );
  }

  /** There is another epoch: calls without an answer are asked there. Replies of the epoch before do not count there. */
  #onMoved(): void {
    this.#view = 0;
    for (const waiting of this.#waiting.values()) {
      waiting.tally = new Tally(equalResults);
      this.#options.world.genesis.replicas.forEach((_, replica) => this.#ask(waiting, replica));
    }
  }

  #onAnswer(waiting: Waiting, answer: Uint8Array | Rejection, by: Answering): void {
    const { world, name } = this.#options;
    if (by.world !== world) return;
    const from = by.replica;
    if (!(answer instanceof Uint8Array)) {
      if (answer.reason === "overloaded" || answer.reason === "unavailable") return;
      return world.report("service", `replica ${from} refuses what ${name} sent: ${answer.reason}: ${answer.detail}`);
    }
    if (!this.#waiting.has(waiting.digest)) return;
    const results = this.#read(waiting, answer, by);
    if (!results) return;
    const agreeing = waiting.tally.add(from, results);
    if (agreeing.length >= weakQuorum(world.genesis.replicas.length)) this.#settle(waiting, results);
  }

  /** The results in a reply, if the replica that gave it signed it. */
  #read(waiting: Waiting, frame: Uint8Array, { replica: from, isFaulty }: Answering): readonly Result[] | null {
    try {
      const { signed: { message, bytes, signature }, path } = decodeFrame(frame);
      if (message.kind !== "reply" || message.request !== waiting.digest || message.replica !== from) return null;
      const { publicKey } = this.#options.world.genesis.replicas[from]!;
      const { crypto, coverage, report } = this.#options.world;
      if (path) coverage.count("reply", "signed together with others");
      const isSigned = path
        ? this.#epochs.verifier.verify(publicKey, "replies", rootBytes(rootOf(bytes, path, crypto.hash)), signature)
        : this.#epochs.verifier.verify(publicKey, "reply", bytes, signature);
      if (!isSigned) this.#epochs.doubt();
      if (!isSigned && !isFaulty && !this.#options.world.epochs) {
        report("service", `replica ${from} gives ${this.#options.name} a reply that it has not signed`);
      }
      if (!isSigned) return null;
      this.#options.world.checker.replied(message);
      this.#view = message.view % this.#options.world.genesis.replicas.length;
      return message.results;
    } catch {
      return null;
    }
  }

  #settle(waiting: Waiting, results: readonly Result[]): void {
    const { world, name } = this.#options;
    this.#waiting.delete(waiting.digest);
    world.checker.told(waiting.digest, [...results]);
    if (waiting.request.session === 0) return this.#opened(results[0]!);
    waiting.invocations.forEach((invocation, i) => {
      const { status, value } = results[i]!;
      if (status === "refused" && fromUtf8(value) === "unknown-session") {
        world.checker.refused(waiting.request);
        return this.#onEviction(waiting.request.session);
      }
      if (status === "refused") {
        return world.report("service", `${name} is refused at ${results[i]!.sequence}: ${fromUtf8(value)}`);
      }
      this.#note(invocation, results[i]!);
    });
    this.#think();
  }

  #note(invocation: Invocation, { status, value }: Pick<Result, "status" | "value">): void {
    invocation.answeredAt = this.#options.world.engine.now;
    invocation.outcome = `${status === "ok" ? "" : "rejected: "}${shown(value)}`;
    this.#options.onAnswer?.(invocation);
  }

  /**
   * The session was idle for too long in agreed time, because the clocks of others run ahead. Requests in flight may
   * have been executed or not.
   */
  #onEviction(session: number): void {
    if (session !== this.#session) return;
    this.#session = 0;
    this.#timestamp = 1;
    this.#open();
  }

  #opened({ status, value }: Result): void {
    if (status === "ok") this.#session = Number(fromUtf8(value));
    else this.#options.world.engine.after(RETRY.mostMs, () => this.#open());
  }
}
