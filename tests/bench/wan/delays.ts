/**
 * Delays between the places of a cluster and its clients, and what they allow.
 * @module
 */
import { CliError } from "../../../src/cli/cli_error.ts";

/** One-way delays in ms from a replica to a replica. The last index is the clients' place. */
export type Delays = readonly (readonly number[])[];

/**
 * The delays of `n` replicas and the clients, in ms. One number is the delay between any two places. With n - 1 numbers, each is the
 * distance of one backup from the primary, and between two backups it is the longer of theirs; clients are at the primary's place.
 * @throws {CliError} if it is another count.
 */
export function delaysOf(values: readonly number[], n: number): Delays {
  const places = [...Array(n + 1).keys()];
  if (values.length === 1) return places.map((from) => places.map((to) => from === to ? 0 : values[0]!));
  if (values.length !== n - 1) {
    throw new CliError(`--wan: expected 1 delay, or ${n - 1} for ${n} replicas, got ${values.length}`, 2);
  }
  const distances = [0, ...values, 0];
  return places.map((from) => places.map((to) => from === to ? 0 : Math.max(distances[from]!, distances[to]!)));
}

/**
 * The shortest time in which an operation of a client can be ordered in view 0, ms: request, pre-prepare, prepare, commit and reply, each
 * as soon as its quorum is there, with nothing spent on computing or writing (PBFT §4.2).
 */
export function idealMs(delays: Delays): number {
  const n = delays.length - 1;
  const f = Math.floor((n - 1) / 3);
  const between = (from: number, to: number) => delays[from]![to]!;
  const replicas = [...Array(n).keys()];
  const proposed = replicas.map((to) => between(n, 0) + between(0, to));
  // A replica needs 2 f prepares of backups, its own counted.
  const prepared = replicas.map((at) =>
    Math.max(proposed[at]!, nth(replicas.slice(1).map((from) => proposed[from]! + between(from, at)), 2 * f))
  );
  const committed = replicas.map((at) =>
    Math.max(prepared[at]!, nth(replicas.map((from) => prepared[from]! + between(from, at)), 2 * f + 1))
  );
  return nth(replicas.map((from) => committed[from]! + between(from, n)), f + 1);
}

/** The `count`-th smallest, from 1. */
function nth(values: readonly number[], count: number): number {
  return [...values].sort((a, b) => a - b)[count - 1]!;
}
