/**
 * What clients asked and what they were told, with when.
 * @module
 */

/** One operation of a client. */
export interface Invocation {
  readonly client: string;
  readonly operation: Uint8Array;
  readonly invokedAt: number;
  /** The operation before it in the same request: a request's operations run in their order. */
  readonly after: Invocation | null;
  /** Infinity: not answered; it may have happened or may happen yet. */
  answeredAt: number;
  /** The machine's answer, or `rejected: ` and why; `null` if it is not answered. */
  outcome: string | null;
}

/** All of them, in the order in which they were asked. */
export class History {
  readonly invocations: Invocation[] = [];

  /** A client asks. */
  invoke(client: string, operation: Uint8Array, invokedAt: number, after: Invocation | null = null): Invocation {
    const invocation: Invocation = { client, operation, invokedAt, after, answeredAt: Infinity, outcome: null };
    this.invocations.push(invocation);
    return invocation;
  }

  /** How many are not answered. */
  get open(): number {
    return this.invocations.filter(({ outcome }) => outcome === null).length;
  }
}
