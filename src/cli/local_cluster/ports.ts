/**
 * TCP ports on this machine.
 * @module
 */
import { CliError } from "../cli_error.ts";

const HOSTNAME = "127.0.0.1";

/** Ports that `fetch` refuses (the Fetch standard's "bad ports"), from 1024 on. */
export const BAD_PORTS: ReadonlySet<number> = new Set(
  [1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080],
);

/** Replicas of a cluster that was killed just now need a moment to notice, ms. */
const WAIT_MS = 1_500;
const RETRY_MS = 50;

/** Below the ports that systems give to outgoing connections, so that none of these is taken between the choice and its use. */
const CHOICE = { from: 10_240, to: 32_767 };
const MAX_TRIES = 10_000;

/** n ports from `first` on; with `first` 0 any that are free now. */
export function choosePorts(first: number, n: number): readonly number[] {
  if (first !== 0) return Array.from({ length: n }, (_, i) => first + i);
  const ports = new Set<number>();
  for (let tries = 0; ports.size < n; tries++) {
    if (tries === MAX_TRIES) throw new CliError("no free ports were found; choose some with --port");
    const port = CHOICE.from + Math.floor(Math.random() * (CHOICE.to - CHOICE.from + 1));
    if (!BAD_PORTS.has(port) && isFree(port)) ports.add(port);
  }
  return [...ports];
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

/** Whether a port of 127.0.0.1 can be listened on now. @throws {CliError} if it can't for another reason than that it is taken. */
export function isFree(port: number): boolean {
  try {
    Deno.listen({ hostname: HOSTNAME, port }).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return false;
    throw new CliError(`port ${port}: ${(error as Error).message}`);
  }
}
