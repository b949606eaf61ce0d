/**
 * What clients asked, what they were answered, and when.
 * @module
 */

/** One operation of a client. */
export interface Invocation {
  readonly client: string;
  readonly operation: Uint8Array;
  readonly invokedAt: number;
  /** The operation before it in the same request. The operations of a request run in their order. */
  readonly after: Invocation | null;
  /** `Infinity`: not answered. It may have been executed, or may be executed yet. */
  answeredAt: number;
  /** The state machine's answer, or `rejected: ` and the reason; `null`: not answered. */
  outcome: string | null;
}

/** All operations, in the order in which they were asked. */
export class History {
  readonly invocations: Invocation[] = [];

  /** Adds an operation that a client asks. */
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
