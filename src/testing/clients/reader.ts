/**
 * The reads of a correct client that are not ordered (PBFT §5.1.3). It asks every replica, several reads in one query, and accepts a
 * quorum of equal answers for each read by itself. If there is none, it has the read ordered.
 * @module
 */
import type { ClientId, Digest, ReplicaId } from "../../core/messages/ids.ts";
import type { Result } from "../../core/messages/messages.ts";
import { maxFaulty, quorum } from "../../core/messages/quorum.ts";
import type { Query } from "../../core/messages/queries.ts";
import { equalResults, Tally } from "../../core/messages/tally.ts";
import { sign, withDigest } from "../../node/environment.ts";
import type { Rejection, Signer } from "../../node/ports.ts";
import { decodeFrame, encodeFrame } from "../../wire/mod.ts";
import type { Invocation } from "./history.ts";
import { shown } from "../world/observed_core.ts";
import { hostOf, type World } from "../world/world.ts";
import type { KnownEpochs } from "./known_epochs.ts";

/** The parts of a reader. */
export interface ReaderOptions {
  readonly epochs: KnownEpochs;
  readonly name: string;
  readonly signer: Signer;
  /** Called when a quorum has given the same answer. */
  readonly onAnswer: (invocation: Invocation, result: Pick<Result, "status" | "value">) => void;
  /** Called when f + 1 replicas answered each of these reads but no quorum agrees: they must be ordered. */
  readonly onSplit: (invocations: readonly Invocation[]) => void;
  /** Called when all reads of one {@linkcode Reader.read} are answered. */
  readonly onDone: () => void;
}

/** One read in an attempt. */
interface Read {
  readonly invocation: Invocation;
  readonly tally: Tally<Result>;
  isAnswered: boolean;
}

/** One attempt. Answers to another attempt do not count for this one, as they are of another time. */
interface Attempt {
  /** Where it was asked. Answers of another epoch do not count. */
  readonly world: World;
  readonly digest: Digest;
  readonly reads: readonly Read[];
  isOver: boolean;
}

/** How long an attempt waits for a quorum, ms. */
const PATIENCE_MS = 600;
/** The pause between two attempts, doubling, ms. */
const PAUSE = { firstMs: 100, mostMs: 3_000 };

/** The queries of one client. */
export class Reader {
  readonly #options: ReaderOptions;
  #nonce = 1;
  #open = 0;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  /** Reads that are neither answered nor passed on for ordering. */
  get open(): number {
    return this.#open;
  }

  /** Asks until there is an answer to each, or they must be ordered. */
  read(invocations: readonly Invocation[]): void {
    this.#open += invocations.length;
    const { epochs: { world }, name } = this.#options;
    world.trace.line(name, () => `queries ${invocations.map(({ operation }) => shown(operation)).join(", ")}`);
    if (invocations.length > 1) world.coverage.count("query", "several reads in one query");
    this.#attempt(invocations, PAUSE.firstMs);
  }

  #attempt(invocations: readonly Invocation[], pauseMs: number): void {
    const { epochs, signer } = this.#options;
    const { world } = epochs;
    const { engine, network, genesis, crypto, coverage } = world;
    const operations = invocations.map(({ operation }) => operation);
    const query: Query = { kind: "query", client: signer.publicKey as ClientId, nonce: this.#nonce++, operations };
    const signed = withDigest(sign(signer, query), crypto.hash);
    const frame = encodeFrame(signed);
    const reads = invocations.map((invocation) => ({ invocation, tally: new Tally(isEqual), isAnswered: false }));
    const attempt: Attempt = { world, digest: signed.digest, reads, isOver: false };
    genesis.replicas.forEach((_, id) =>
      network.ask(
        hostOf(world, id as ReplicaId),
        (station) => station.query(frame),
        (answer) => this.#onAnswer(attempt, answer, id as ReplicaId),
      )
    );
    engine.after(PATIENCE_MS, () => {
      if (attempt.isOver) return;
      attempt.isOver = true;
      epochs.doubt();
      const left = reads.filter(({ isAnswered }) => !isAnswered);
      const again = left.map(({ invocation }) => invocation);
      if (left.every(({ tally }) => this.#isRead(tally))) {
        coverage.count("query", "fell back to ordering");
        this.#open -= again.length;
        return this.#options.onSplit(again);
      }
      coverage.count("query", "asked again");
      engine.after(pauseMs, () => this.#attempt(again, Math.min(2 * pauseMs, PAUSE.mostMs)));
    });
  }

  /** Whether f + 1 replicas, so a correct one among them, say that it is a read. */
  #isRead({ answers }: Tally<Result>): boolean {
    const { replicas } = this.#options.epochs.world.genesis;
    return answers.filter(({ status }) => status === "ok").length > maxFaulty(replicas.length);
  }

  #onAnswer(attempt: Attempt, answer: Uint8Array | Rejection, from: ReplicaId): void {
    const { epochs, name, onAnswer, onDone } = this.#options;
    const { genesis, coverage, report } = attempt.world;
    if (attempt.world !== epochs.world) return;
    if (!(answer instanceof Uint8Array)) {
      coverage.count("query", answer.reason);
      if (answer.reason === "overloaded" || answer.reason === "unavailable") return;
      return report("service", `replica ${from} refuses what ${name} asked: ${answer.reason}: ${answer.detail}`);
    }
    const results = attempt.isOver ? [] : this.#results(attempt, answer, from);
    results.forEach((result, i) => {
      const read = attempt.reads[i]!;
      if (read.tally.add(from, result).length < quorum(genesis.replicas.length) || read.isAnswered) return;
      read.isAnswered = true;
      this.#open--;
      coverage.count("query", "answered without ordering");
      onAnswer(read.invocation, result);
    });
    if (attempt.isOver || attempt.reads.some(({ isAnswered }) => !isAnswered)) return;
    attempt.isOver = true;
    onDone();
  }

  /** The results in a replica's answer, if this replica signed it and it answers this query; fewer than reads, perhaps. */
  #results({ digest, reads }: Attempt, frame: Uint8Array, from: ReplicaId): readonly Result[] {
    try {
      const { signed: { message, bytes, signature } } = decodeFrame(frame);
      if (message.kind !== "query-reply" || message.query !== digest || message.replica !== from) return [];
      const { publicKey } = this.#options.epochs.world.genesis.replicas[from]!;
      if (!this.#options.epochs.verifier.verify(publicKey, message.kind, bytes, signature)) return [];
      const isRefused = message.results.some(({ status }) => status === "refused");
      return isRefused || message.results.length > reads.length ? [] : message.results;
    } catch {
      return [];
    }
  }
}

/** Replicas whose results are equal need not have executed equally far. */
function isEqual(a: Result, b: Result): boolean {
  return equalResults([{ ...a, sequence: b.sequence }], [b]);
}
