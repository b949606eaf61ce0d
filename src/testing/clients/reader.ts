/**
 * The reads of a correct client that are not ordered (PBFT §5.1.3). It asks every replica and accepts a quorum of equal
 * answers. If there is none, it has the read ordered.
 * @module
 */
import type { ClientId, Digest, ReplicaId } from "../../core/messages/ids.ts";
import type { Result } from "../../core/messages/messages.ts";
import { maxFaulty, quorum } from "../../core/messages/quorum.ts";
import type { Query, QueryReply } from "../../core/messages/queries.ts";
import { equalResults, Tally } from "../../core/messages/tally.ts";
import { sign, withDigest } from "../../node/environment.ts";
import type { Rejection, Signer, Verifier } from "../../node/ports.ts";
import { decodeFrame, encodeFrame } from "../../wire/mod.ts";
import type { Invocation } from "./history.ts";
import { shown } from "../world/observed_core.ts";
import type { World } from "../world/world.ts";

/** The parts of a reader. */
export interface ReaderOptions {
  readonly world: World;
  readonly name: string;
  readonly signer: Signer;
  readonly verifier: Verifier;
  /** Called when a quorum has given the same answer. */
  readonly onAnswer: (invocation: Invocation, result: Pick<Result, "status" | "value">) => void;
  /** Called when f + 1 replicas answered but no quorum agrees: the read must be ordered. */
  readonly onSplit: (invocation: Invocation) => void;
}

/** One attempt. Answers to another attempt do not count for this one, as they are of another time. */
interface Attempt {
  readonly digest: Digest;
  readonly invocation: Invocation;
  readonly tally: Tally<Result>;
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

  /** Asks until there is an answer, or the read must be ordered. */
  read(invocation: Invocation): void {
    this.#open++;
    this.#options.world.trace.line(this.#options.name, () => `queries ${shown(invocation.operation)}`);
    this.#attempt(invocation, PAUSE.firstMs);
  }

  #attempt(invocation: Invocation, pauseMs: number): void {
    const { world: { engine, network, genesis, crypto, coverage }, signer } = this.#options;
    const { operation } = invocation;
    const query: Query = { kind: "query", client: signer.publicKey as ClientId, nonce: this.#nonce++, operation };
    const signed = withDigest(sign(signer, query), crypto.hash);
    const frame = encodeFrame(signed);
    const attempt: Attempt = { digest: signed.digest, invocation, tally: new Tally(isEqual), isOver: false };
    genesis.replicas.forEach((_, id) =>
      network.ask(
        id as ReplicaId,
        (station) => station.query(frame),
        (answer, by) => this.#onAnswer(attempt, answer, by.replica),
      )
    );
    engine.after(PATIENCE_MS, () => {
      if (attempt.isOver) return;
      attempt.isOver = true;
      const reads = attempt.tally.answers.filter(({ status }) => status === "ok").length;
      if (reads > maxFaulty(genesis.replicas.length)) {
        coverage.count("query", "fell back to ordering");
        this.#open--;
        return this.#options.onSplit(invocation);
      }
      coverage.count("query", "asked again");
      engine.after(pauseMs, () => this.#attempt(invocation, Math.min(2 * pauseMs, PAUSE.mostMs)));
    });
  }

  #onAnswer(attempt: Attempt, answer: Uint8Array | Rejection, from: ReplicaId): void {
    const { world: { genesis, coverage, report }, name, onAnswer } = this.#options;
    if (!(answer instanceof Uint8Array)) {
      coverage.count("query", answer.reason);
      if (answer.reason === "overloaded" || answer.reason === "unavailable") return;
      return report("service", `replica ${from} refuses what ${name} asked: ${answer.reason}: ${answer.detail}`);
    }
    const result = attempt.isOver ? null : this.#read(attempt.digest, answer, from);
    if (!result) return;
    if (attempt.tally.add(from, result).length < quorum(genesis.replicas.length)) return;
    attempt.isOver = true;
    this.#open--;
    coverage.count("query", "answered without ordering");
    onAnswer(attempt.invocation, result);
  }

  /** The result in a replica's answer, if this replica signed it and it answers this query. */
  #read(digest: Digest, frame: Uint8Array, from: ReplicaId): Result | null {
    try {
      const { signed } = decodeFrame(frame);
      const message = signed.message as QueryReply;
      if (message.kind !== "query-reply" || message.query !== digest || message.replica !== from) return null;
      const { publicKey } = this.#options.world.genesis.replicas[from]!;
      const isSigned = this.#options.verifier.verify(publicKey, message.kind, signed.bytes, signed.signature);
      return isSigned && message.result.status !== "refused" ? message.result : null;
    } catch {
      return null;
    }
  }
}

/** Replicas whose results are equal need not have executed equally far. */
function isEqual(a: Result, b: Result): boolean {
  return equalResults([{ ...a, sequence: b.sequence }], [b]);
}
