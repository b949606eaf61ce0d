/**
 * Chooses and checks TCP ports of this machine.
 * @module
 */
import { createServer } from "node:net";
import { CliError, codeOf, EXIT } from "../cli_error.ts";

const HOSTNAME = "127.0.0.1";

/** Ports above 1023 that `fetch` refuses (the "bad ports" of the Fetch standard). */
export const BAD_PORTS: ReadonlySet<number> = new Set(
  [1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080],
);

/** How long to wait for ports, ms: replicas of a cluster that was just killed need a moment to notice it. */
const WAIT_MS = 1_500;
const RETRY_MS = 50;

/**
 * The range of chosen ports. It is below the ports that systems use for outgoing connections, so that none is taken
 * before its use.
 */
const CHOICE = { from: 10_240, to: 32_767 };
const MAX_TRIES = 10_000;

/** n ports from `first` on; if `first` is 0, any ports that are free now. */
export async function choosePorts(first: number, n: number): Promise<readonly number[]> {
  if (first !== 0) return Array.from({ length: n }, (_, i) => first + i);
  const ports = new Set<number>();
  for (let tries = 0; ports.size < n; tries++) {
    if (tries === MAX_TRIES) throw new CliError("no free ports were found; choose some with --port");
    const port = CHOICE.from + Math.floor(Math.random() * (CHOICE.to - CHOICE.from + 1));
    if (!BAD_PORTS.has(port) && await isFree(port)) ports.add(port);
  }
  return [...ports];
}

/** Resolves when all ports are free. @throws {CliError} if one stays taken. */
export async function waitForPorts(ports: readonly number[]): Promise<void> {
  const deadline = performance.now() + WAIT_MS;
  for (const port of ports) {
    while (!(await isFree(port))) {
      if (performance.now() > deadline) {
        throw new CliError(`port ${port} is taken; choose others with --port`, EXIT.no, {
          looked: `ports ${ports.join(", ")} of ${HOSTNAME}`,
          next: "pbft check, to see whether it is this cluster; or --port 0, for any free ports",
        });
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

/** Whether a port of 127.0.0.1 is free now. @throws {CliError} if it cannot be used for another reason. */
export async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: HOSTNAME, port, exclusive: true }, resolve);
    });
    await new Promise((resolve) => server.close(resolve));
    return true;
  } catch (error) {
    if (codeOf(error) === "EADDRINUSE") return false;
    throw new CliError(`port ${port}: ${(error as Error).message}`);
  }
}
