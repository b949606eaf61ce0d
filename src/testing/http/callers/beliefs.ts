/**
 * What callers believe is what the replicas have executed, and the receipts prove it.
 * @module
 */
import { verifyReceipt } from "../../../client/proofs/receipt.ts";
import type { Receipt } from "../../../client/proofs/proven.ts";
import { equalBytes } from "../../../core/tree/bytes.ts";
import type { ReplicaId, SequenceNumber } from "../../../core/messages/ids.ts";
import type { Reply } from "../../../core/messages/messages.ts";
import { maxFaulty } from "../../../core/messages/quorum.ts";
import { decodeFrame, rootBytes, rootOf } from "../../../wire/mod.ts";
import type { World } from "../../world/world.ts";
import { shown } from "../../world/observed_core.ts";

/** An answer that a caller took for true. */
export interface Belief {
  readonly name: string;
  /** As the state machine knows the caller. */
  readonly client: string;
  readonly operation: Uint8Array;
  readonly sequence: number;
  /** The result, or why the operation was rejected. */
  readonly outcome: string;
  readonly receipt?: Receipt;
}

/** Receipts that are verified in one run: each costs three signatures of the real kind. */
const MOST_RECEIPTS = 60;

/** All that callers believe. */
export class Beliefs {
  readonly #beliefs: Belief[] = [];
  readonly #world: World;
  #newest = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** The highest number that somebody has a result of. */
  get newest(): number {
    return this.#newest;
  }

  add(belief: Belief): void {
    this.#newest = Math.max(this.#newest, belief.sequence);
    this.#beliefs.push(belief);
  }

  /** The outcomes of a caller's operation at this number; `null`: it is not known what was executed there. */
  outcomesAt({ client, operation, sequence }: Omit<Belief, "outcome">): readonly string[] | null {
    const entry = this.#world.checker.executions.entries.get(sequence as SequenceNumber);
    if (!entry) return null;
    const own = entry.calls.filter((call) => call.client === client && equalBytes(call.operation, operation));
    return own.map(({ outcome }) => outcome);
  }

  /** Compares everything with what was executed, and verifies some receipts. */
  async check(): Promise<void> {
    const { report } = this.#world;
    for (const belief of this.#beliefs) {
      const { name, operation, sequence, outcome } = belief;
      const outcomes = this.outcomesAt(belief);
      if (outcomes === null || outcomes.includes(outcome)) continue;
      const truth = outcomes.length > 0 ? `it gave ${outcomes.join(", ")}` : "it did not run there";
      return report(
        "answers",
        `${name} believes that ${shown(operation)} at ${sequence} gave ${outcome}: ${truth}`,
      );
    }
    const proven = this.#beliefs.filter(({ receipt }) => receipt);
    const every = Math.max(1, Math.ceil(proven.length / MOST_RECEIPTS));
    for (let i = 0; i < proven.length; i += every) await this.#verify(proven[i]!);
  }

  async #verify({ name, client, operation, sequence, outcome, receipt }: Belief): Promise<void> {
    const { report, genesis } = this.#world;
    const what = `the receipt of ${name} for ${shown(operation)} at ${sequence}`;
    // The client has verified it with the same code as `verifyReceipt` does, so it is looked at here as well.
    const signers = new Set(receipt!.replies.map((frame) => this.#signerOf(frame)));
    if (signers.has(null) || signers.size <= maxFaulty(genesis.replicas.length)) {
      return report("answers", `${what} has replies that no f + 1 replicas have signed`);
    }
    try {
      const proven = await verifyReceipt({ genesis }, receipt!);
      const { status, value } = proven.result;
      const said = `${status === "ok" ? "" : "rejected: "}${shown(value)}`;
      const isSame = proven.client === client && equalBytes(proven.operation, operation) &&
        proven.result.sequence === sequence && said === outcome;
      if (!isSame) report("answers", `${what} proves something else: ${said} at ${proven.result.sequence}`);
    } catch (error) {
      report("answers", `${what} proves nothing: ${error}`);
    }
  }

  /** The replica that has signed a reply; `null`: the one that it names has not. */
  #signerOf(frame: Uint8Array): ReplicaId | null {
    const { crypto, epoch: { context, number, genesis } } = this.#world;
    const { signed: { message, bytes, signature }, path } = decodeFrame(frame);
    const { replica } = message as Reply;
    const { publicKey } = genesis.replicas[replica]!;
    const verifier = crypto.createVerifier(context, number);
    const isSigned = path
      ? verifier.verify(publicKey, "replies", rootBytes(rootOf(bytes, path, crypto.hash)), signature)
      : verifier.verify(publicKey, "reply", bytes, signature);
    return isSigned ? replica : null;
  }
}
