/**
 * Choices that a seed determines.
 * @module
 */
import { createJitter } from "../../src/node/async/backoff.ts";

/** A source of choices. */
export interface Random {
  /** An integer from 0 to `bound` - 1. */
  below(bound: number): number;
  /** A number from `min` to `max`. */
  between(min: number, max: number): number;
  pick<T>(list: readonly T[]): T;
}

/** The same seed, the same choices. */
export function createRandom(seed: number): Random {
  const next = createJitter(seed);
  const below = (bound: number) => Math.floor(next() * bound);
  return {
    below,
    between: (min, max) => min + next() * (max - min),
    pick: (list) => list[below(list.length)]!,
  };
}
