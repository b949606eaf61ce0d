/**
 * What callers believe is what the replicas have executed, and the receipts prove it.
 * @module
 */
import { verifyReceipt } from "../../../client/proofs/receipt.ts";
import type { Receipt } from "../../../client/proofs/proven.ts";
import type { Genesis } from "../../../core/config.ts";
import { equalBytes } from "../../../core/tree/bytes.ts";
import type { ExecutionChecker } from "../../invariants/execution_checker.ts";
import type { SequenceNumber } from "../../../core/messages/ids.ts";
import type { Report } from "../../violation.ts";
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
const MOST_RECEIPTS = 20;

/** All that callers believe. */
export class Beliefs {
  readonly #beliefs: Belief[] = [];
  readonly #executions: ExecutionChecker;
  readonly #report: Report;

  constructor({ executions, report }: { readonly executions: ExecutionChecker; readonly report: Report }) {
    this.#executions = executions;
    this.#report = report;
  }

  add(belief: Belief): void {
    this.#beliefs.push(belief);
  }

  /** The outcomes of a caller's operation at this number; `null`: it is not known what was executed there. */
  outcomesAt({ client, operation, sequence }: Omit<Belief, "outcome">): readonly string[] | null {
    const entry = this.#executions.entries.get(sequence as SequenceNumber);
    if (!entry) return null;
    const own = entry.calls.filter((call) => call.client === client && equalBytes(call.operation, operation));
    return own.map(({ outcome }) => outcome);
  }

  /** Compares everything with what was executed, and verifies some receipts. */
  async check(genesis: Genesis): Promise<void> {
    for (const belief of this.#beliefs) {
      const { name, operation, sequence, outcome } = belief;
      const outcomes = this.outcomesAt(belief);
      if (outcomes === null || outcomes.includes(outcome)) continue;
      const truth = outcomes.length > 0 ? `it gave ${outcomes.join(", ")}` : "it did not run there";
      return this.#report(
        "answers",
        `${name} believes that ${shown(operation)} at ${sequence} gave ${outcome}: ${truth}`,
      );
    }
    const proven = this.#beliefs.filter(({ receipt }) => receipt);
    const every = Math.max(1, Math.ceil(proven.length / MOST_RECEIPTS));
    for (let i = 0; i < proven.length; i += every) await this.#verify(proven[i]!, genesis);
  }

  async #verify({ name, client, operation, sequence, outcome, receipt }: Belief, genesis: Genesis): Promise<void> {
    const what = `the receipt of ${name} for ${shown(operation)} at ${sequence}`;
    try {
      const proven = await verifyReceipt({ genesis }, receipt!);
      const { status, value } = proven.result;
      const said = `${status === "ok" ? "" : "rejected: "}${shown(value)}`;
      const isSame = proven.client === client && equalBytes(proven.operation, operation) &&
        proven.result.sequence === sequence && said === outcome;
      if (!isSame) this.#report("answers", `${what} proves something else: ${said} at ${proven.result.sequence}`);
    } catch (error) {
      this.#report("answers", `${what} proves nothing: ${error}`);
    }
  }
}
