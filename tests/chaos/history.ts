/**
 * What clients asked and were told, and when.
 * @module
 */

/** One operation on a register. */
export type Action =
  | { readonly op: "read" }
  | { readonly op: "write"; readonly value: string }
  | { readonly op: "swap"; readonly expected: string | null; readonly value: string };

/** An operation and what came of it. */
export interface Operation {
  readonly client: string;
  readonly key: string;
  readonly action: Action;
  /** On the monotonic clock, ms. */
  readonly from: number;
  /** `Infinity`: there was no answer, and it may take effect at any time, or never. */
  to: number;
  /** What a read saw; whether a swap swapped. */
  result?: string | null | boolean;
}
