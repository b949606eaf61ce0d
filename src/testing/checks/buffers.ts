/**
 * The bounds of a replica's buffers, computed independently of the core.
 * @module
 */
import type { Buffers } from "../../core/buffers.ts";
import type { Genesis, Settings } from "../../core/config.ts";
import type { ReplicaStatus } from "../../core/io.ts";

/** The most evidence against one replica, and in all. */
export const MOST_EVIDENCE = { ofOne: 8, inAll: 64 };

/** The most entries of each buffer. */
export function limitsOf(
  { replicas, logWindow, checkpointInterval }: Genesis,
): Omit<Buffers, "clientsThatWait" | "pendingBytes"> {
  const n = replicas.length;
  const checkpoints = logWindow / checkpointInterval;
  return {
    // For each sender those within the window, and one above it.
    checkpoints: n * (checkpoints + 1),
    ownCheckpoints: checkpoints + 1,
    viewChanges: n,
    // The decided batch, and the one that a later view proposes there.
    wantedBodies: 2 * logWindow,
    formerBodies: 8 * n * logWindow,
    earlyPrePrepares: logWindow,
    queries: 1_024,
    refusedRequests: 1_024,
  };
}

/** The buffer that exceeds its bound, for people; `null`: none. */
export function overfull(
  buffers: Buffers | undefined,
  genesis: Genesis,
  { pendingRequests }: Pick<ReplicaStatus, "pendingRequests">,
  { maxPendingBytes }: Pick<Settings, "maxPendingBytes">,
): string | null {
  if (!buffers) return null;
  // Every waiting client has a request that waits.
  const limits: Buffers = { ...limitsOf(genesis), clientsThatWait: pendingRequests, pendingBytes: maxPendingBytes };
  for (const name of Object.keys(limits) as (keyof Buffers)[]) {
    if (buffers[name] > limits[name]) return `has ${buffers[name]} ${wordsOf(name)}, the limit is ${limits[name]}`;
  }
  return null;
}

/** `wantedBodies`: wanted bodies. */
function wordsOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
