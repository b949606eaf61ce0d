/**
 * TCP ports for tests and measurements that run beside others of their kind.
 * @module
 */
import { BAD_PORTS } from "../../src/cli/local_cluster/ports.ts";

/** Below the ports that systems use for outgoing connections, so that none is taken before its use. */
const CHOICE = { from: 10_240, to: 32_767 };

/** So many ports of 127.0.0.1 that are free now, and that no outgoing connection gets. */
export function freePorts(count: number): readonly number[] {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = CHOICE.from + Math.floor(Math.random() * (CHOICE.to - CHOICE.from + 1));
    if (isFree(port)) ports.add(port);
  }
  return [...ports];
}

/** One of them. */
export function freePort(): number {
  return freePorts(1)[0]!;
}

/** The first of so many ports in a row that are all free now. */
export function freeRange(count: number): number {
  for (;;) {
    const first = freePort();
    if (Array.from({ length: count }, (_, i) => first + i).every(isFree)) return first;
  }
}

function isFree(port: number): boolean {
  if (BAD_PORTS.has(port)) return false;
  try {
    Deno.listen({ hostname: "127.0.0.1", port }).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return false;
    throw error;
  }
}
