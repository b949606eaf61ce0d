/**
 * TCP ports on this machine.
 * @module
 */
import { CliError } from "./cli_error.ts";

const HOSTNAME = "127.0.0.1";
/** Replicas of a cluster that was killed just now need a moment to notice, ms. */
const WAIT_MS = 1_500;
const RETRY_MS = 50;

/** n ports from `first` on; with `first` 0 any that are free now. */
export function choosePorts(first: number, n: number): readonly number[] {
  if (first !== 0) return Array.from({ length: n }, (_, i) => first + i);
  const listeners = Array.from({ length: n }, () => Deno.listen({ hostname: HOSTNAME, port: 0 }));
  const ports = listeners.map(({ addr }) => (addr as Deno.NetAddr).port);
  for (const listener of listeners) listener.close();
  return ports;
}

/** Resolves once all ports can be listened on. @throws {CliError} if one stays taken. */
export async function waitForPorts(ports: readonly number[]): Promise<void> {
  const deadline = performance.now() + WAIT_MS;
  for (const port of ports) {
    while (!isFree(port)) {
      if (performance.now() > deadline) throw new CliError(`port ${port} is taken; choose others with --port`);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

function isFree(port: number): boolean {
  try {
    Deno.listen({ hostname: HOSTNAME, port }).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return false;
    throw new CliError(`port ${port}: ${(error as Error).message}`);
  }
}
