/**
 * How a correct client behaves, as part of a plan.
 * @module
 */

/** How much a client asks for, and how fast. */
export interface ClientHabits {
  /** Operations in all. */
  readonly operations: number;
  /** Requests in flight at once. */
  readonly pipelining: number;
  /** Most operations per request. */
  readonly bundle: number;
  /** Mean pause before each request, ms. */
  readonly thinkMs: number;
  /** The probability, at each turn, of a query instead of a request, if the workload has queries; 0 if left out. */
  readonly queries?: number;
  /** Signed clients: how many replicas get a request at once, the primary first; 1 if left out. */
  readonly receivers?: number;
  /** Unsigned clients: how many gateways it asks at once; 1 if left out. */
  readonly gateways?: number;
}
