/**
 * What `pbft serve` says of its replica.
 * @module
 */
import type { Log, LogEntry, ServedReplica } from "../../runtime/process.ts";

/** How often the process checks whether the replica has halted, ms. */
const HALT_CHECK_MS = 1_000;

/** The line once it serves. */
export function servingEntry(replica: ServedReplica): LogEntry {
  const { url, epoch: { number: epoch } } = replica;
  if (!replica.isMember) {
    const message =
      "waiting until this key is a member that has the version of the state machine in force: it asks the members for the chain of epochs";
    return { event: "waiting", message, fields: { url, epoch } };
  }
  const { lastExecuted, view } = replica.node.status().replica;
  const fields = { url, ...(epoch > 0 && { epoch }), view, executed: lastExecuted };
  return { event: "serving", message: "serving requests", fields };
}

/** The last line. A member that was removed says where the cluster went. */
export function stoppedEntry({ isMember, epoch: { number, urls } }: ServedReplica, wasTold: boolean): LogEntry {
  if (isMember || wasTold) return { event: "stopped", message: "stopped" };
  const where = Object.entries(urls).map(([name, url]) => `${name}=${url}`).join(", ");
  return { event: "stopped", message: `stopped: the cluster goes on in epoch ${number} at ${where}` };
}

/** Looks at intervals whether the replica has halted, and says so once. Returns a function that ends this. */
export function sayWhenHalted(replica: ServedReplica, log: Log): () => void {
  const id = setInterval(() => {
    const halted = replica.isMember ? replica.node.status().halted : undefined;
    if (halted === undefined) return;
    const message =
      "halted: the replica no longer takes part; start it with --start recover to fetch the state from the others";
    log.error({ event: "halted", message, fields: { reason: halted } });
    clearInterval(id);
  }, HALT_CHECK_MS);
  return () => clearInterval(id);
}
