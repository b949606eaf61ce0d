/**
 * How full a replica's buffers may be, written down once more: nothing here comes from the core.
 * @module
 */
import type { Buffers } from "../../core/buffers.ts";
import type { Genesis, Settings } from "../../core/config.ts";
import type { ReplicaStatus } from "../../core/io.ts";

/** So much evidence may be kept: against one replica, and in all. */
export const MOST_EVIDENCE = { ofOne: 8, inAll: 64 };

/** The most entries that each may have. */
export function limitsOf(
  { replicas, logWindow, checkpointInterval }: Genesis,
): Omit<Buffers, "clientsThatWait" | "pendingBytes"> {
  const n = replicas.length;
  const checkpoints = logWindow / checkpointInterval;
  return {
    // Of each sender those within the window, and one above.
    checkpoints: n * (checkpoints + 1),
    ownCheckpoints: checkpoints + 1,
    viewChanges: n,
    // What is decided, and what a later view proposes there.
    wantedBodies: 2 * logWindow,
    formerBodies: 8 * n * logWindow,
    earlyPrePrepares: logWindow,
    queries: 1_024,
    refusedRequests: 1_024,
  };
}

/** Which buffer holds too much, for people; `null`: none. */
export function overfull(
  buffers: Buffers | undefined,
  genesis: Genesis,
  { pendingRequests }: Pick<ReplicaStatus, "pendingRequests">,
  { maxPendingBytes }: Pick<Settings, "maxPendingBytes">,
): string | null {
  if (!buffers) return null;
  // Whoever waits has a request that does.
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
