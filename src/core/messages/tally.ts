/**
 * Counts equal answers of different replicas to one question. Among f + 1 equal answers one is of a correct replica. Two quorums of
 * equal answers share a correct replica. The size of either is in `quorum.ts`.
 * @module
 */
import { equalBytes } from "../tree/bytes.ts";
import type { ReplicaId } from "./ids.ts";
import type { Result } from "./messages.ts";

/** The latest answer of each replica. */
export class Tally<Answer> {
  readonly #answers = new Map<ReplicaId, Answer>();
  readonly #isEqual: (one: Answer, other: Answer) => boolean;

  /** `isEqual` says whether two answers agree. It must be an equivalence. */
  constructor(isEqual: (one: Answer, other: Answer) => boolean) {
    this.#isEqual = isEqual;
  }

  /** Counts an answer instead of the earlier one of its replica. Returns all answers that agree with it, itself among them. */
  add(replica: ReplicaId, answer: Answer): readonly Answer[] {
    this.#answers.set(replica, answer);
    return this.#like(answer);
  }

  /** Whether this replica has answered. */
  has(replica: ReplicaId): boolean {
    return this.#answers.has(replica);
  }

  /** All answers. */
  get answers(): readonly Answer[] {
    return [...this.#answers.values()];
  }

  /** How many answers agree with the most common one. */
  get largest(): number {
    return Math.max(0, ...this.answers.map((answer) => this.#like(answer).length));
  }

  /** The replicas whose answers do not agree with this one. */
  against(answer: Answer): readonly ReplicaId[] {
    return [...this.#answers].filter(([, other]) => !this.#isEqual(other, answer)).map(([replica]) => replica);
  }

  #like(answer: Answer): readonly Answer[] {
    return this.answers.filter((other) => this.#isEqual(other, answer));
  }
}

/** Whether two lists of results are equal in every field. */
export function equalResults(one: readonly Result[], other: readonly Result[]): boolean {
  return one === other || one.length === other.length && one.every((result, i) => {
        const { sequence, status, value } = other[i]!;
        return result.sequence === sequence && result.status === status && equalBytes(result.value, value);
      });
}
