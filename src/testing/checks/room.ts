/**
 * Room is given back. Some time after every client has its answers nothing waits anywhere, and a store contains only
 * what the protocol needs.
 * @module
 */
import type { Machine } from "../hosts/machine.ts";
import type { World } from "../world/world.ts";

/** Records besides those that are counted by number: identity, view, stable, checkpoint, and the like. */
const SINGLE_RECORDS = 16;
const MOST_EVIDENCE = 64;

/** Checks that a machine holds nothing once its cluster has come to rest. `isUp`: whether a peer can be reached. */
export function checkRoom(world: World, machine: Machine, isUp: (peer: number) => boolean): void {
  const { node, isFaulty, label, buffers, disk } = machine;
  if (!node || isFaulty) return;
  const { replica, outboxes } = node.status();
  const taken: Record<string, number> = {
    ...node.usage(),
    ...world.web?.usageOf(machine),
    pendingRequests: replica.pendingRequests,
    ...buffers && {
      wantedBodies: buffers.wantedBodies,
      earlyPrePrepares: buffers.earlyPrePrepares,
      queries: buffers.queries,
      clientsThatWait: buffers.clientsThatWait,
      pendingBytes: buffers.pendingBytes,
    },
  };
  // Messages for an unreachable peer wait for it, within their bound.
  for (const { peer, depth } of outboxes) if (isUp(peer)) taken[`frames for replica ${peer}`] = depth;
  for (const [what, count] of Object.entries(taken)) {
    if (count !== 0) return world.report("bounds", `${label} has come to rest, and has ${count} ${what}`);
  }
  const excess = excessRecords(world, disk.records.keys());
  if (excess !== null && !replica.transferring) {
    world.report("bounds", `${label} has come to rest, and keeps ${excess}`);
  }
}

/** The records of which a store has too many, for people; `null`: none. */
export function excessRecords(world: Pick<World, "genesis" | "settings">, keys: Iterable<string>): string | null {
  const { replicas, logWindow: L, checkpointInterval: K } = world.genesis;
  const n = replicas.length;
  const most: { readonly [kind: string]: number } = {
    accepted: L,
    prepared: L,
    committed: L,
    retired: L / K + 2,
    evidence: MOST_EVIDENCE,
    fetched: 0,
    // Votes of two views for each number, checkpoints, waiting requests, view-changes.
    input: 4 * n * L + n * (L / K + 2) + world.settings.maxPendingRequests + 2 * n,
    "": SINGLE_RECORDS,
  };
  const counts = new Map<string, number>();
  for (const key of keys) {
    const kind = key.includes("/") ? key.slice(0, key.indexOf("/")) : "";
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  for (const [kind, count] of counts) {
    const limit = most[kind] ?? SINGLE_RECORDS;
    if (count > limit) return `${count} records of the kind ${kind || "single"}, at most ${limit} are needed`;
  }
  return null;
}
