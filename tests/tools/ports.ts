/**
 * TCP ports for tests and measurements that run beside others of their kind.
 * @module
 */
import { choosePorts, isFree } from "../../src/cli/local_cluster/ports.ts";

/** So many ports of 127.0.0.1 that are free now, and that no outgoing connection gets. */
export function freePorts(count: number): readonly number[] {
  return choosePorts(0, count);
}

/** One of them. */
export function freePort(): number {
  return choosePorts(0, 1)[0]!;
}

/** The first of so many ports in a row that are all free now. */
export function freeRange(count: number): number {
  for (;;) {
    const first = freePort();
    if (choosePorts(first, count).every(isFree)) return first;
  }
}
