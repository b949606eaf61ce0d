/**
 * Requests and queries of clients that were verified before they came here.
 * @module
 */
import type { Query } from "../../../core/messages/messages.ts";
import type { Task } from "../../durable/task.ts";
import type { Asked } from "../../gateway/waiters.ts";
import type { Rejection } from "../../ports.ts";

/** `refuse` is called if it is rejected, and not called otherwise. */
interface Waiting {
  readonly asked: Asked;
  readonly refuse: (rejection: Rejection) => void;
}

type Outcome = Parameters<NonNullable<Task["onOutcome"]>>[0];

/** The queue. Its callers bound how many wait. */
export class AskedQueue {
  #waiting: Waiting[] = [];
  readonly #rejection: (kind: Rejection["kind"], outcome: Outcome) => Rejection | null;

  /** `rejection` says what an outcome means; `null` if the message was taken. */
  constructor(rejection: (kind: Rejection["kind"], outcome: Outcome) => Rejection | null) {
    this.#rejection = rejection;
  }

  /** Whether any wait. */
  get hasMore(): boolean {
    return this.#waiting.length > 0;
  }

  /** Adds a message at the end. */
  add(asked: Asked, refuse: Waiting["refuse"]): void {
    this.#waiting.push({ asked, refuse });
  }

  /** Removes the oldest and gives their tasks: up to `max` operations, or one message that alone has more. */
  *take(max: number): Generator<Task, void> {
    for (const one of this.#waiting.splice(0, this.#countOf(max))) yield this.#taskOf(one);
  }

  #countOf(max: number): number {
    let operations = 0;
    const over = this.#waiting.findIndex(({ asked }) => (operations += asked.message.operations.length) > max);
    return over === -1 ? this.#waiting.length : Math.max(1, over);
  }

  #taskOf({ asked, refuse }: Waiting): Task {
    return {
      input: isQuery(asked) ? { kind: "query", query: asked } : { kind: "request", request: asked },
      onOutcome: (outcome) => {
        const rejection = this.#rejection(asked.message.kind, outcome);
        if (rejection) refuse(rejection);
      },
    };
  }
}

function isQuery(asked: Asked): asked is Extract<Asked, { readonly message: Query }> {
  return asked.message.kind === "query";
}
