/**
 * The invariants of a correct node that can be seen from outside at any time.
 * @module
 */
import { overfull } from "./buffers.ts";
import type { Buffers } from "../../core/buffers.ts";
import type { ReplicaNode } from "../../node/node.ts";
import { invariantOf } from "../violation.ts";
import type { World } from "../world/world.ts";

/** The parts of a machine that an inspection reads. */
export interface Inspected {
  /** The node that runs on it; `null` while it is off. */
  readonly node: ReplicaNode | null;
  readonly isFaulty: boolean;
  readonly label: string;
  readonly buffers: Buffers | undefined;
}

/** Checks what runs on a machine. `mostViews`: the highest view that the plan gives a reason for. */
export function inspect(world: World, { node, isFaulty, label, buffers }: Inspected, mostViews = Infinity): void {
  if (!node || isFaulty) return;
  const { genesis, settings, limits, report, checker: { lastOfEpoch, seenEnds } } = world;
  const { replica, outboxes, halted } = node.status();
  // Of two instances on one store, the one that finds the store in the next epoch stops, and follows.
  if (halted !== undefined && !halted.startsWith("OtherEpochError")) {
    report(invariantOf(halted), `${label} has halted: ${halted}`);
  }
  const { logWindow, limits: { maxSessions, maxNames } } = genesis;
  const isAtMost = (what: string, got: number, most: number) => {
    if (got > most) report("bounds", `${label} has ${got} ${what}, the limit is ${most}`);
  };
  if (replica.view > mostViews) report("calm", `${label} is in view ${replica.view}, and no primary was at fault`);
  isAtMost("slots", replica.slots.length, logWindow);
  // The window of a replica that knows of the end of its epoch ends there.
  const highest = replica.lowWatermark + logWindow;
  const ends = replica.highWatermark === lastOfEpoch || seenEnds.has(replica.highWatermark);
  if (replica.highWatermark !== highest && !(ends && replica.highWatermark < highest)) {
    report("watermarks", `${label}'s window is ${replica.lowWatermark} to ${replica.highWatermark}`);
  }
  for (const { sequence } of replica.slots) {
    if (sequence > replica.lowWatermark && sequence <= replica.lowWatermark + logWindow) continue;
    report("watermarks", `${label} keeps ${sequence}, its low watermark is ${replica.lowWatermark}`);
  }
  isAtMost("pending requests", replica.pendingRequests, settings.maxPendingRequests);
  isAtMost("sessions", replica.sessions, maxSessions);
  isAtMost("names", replica.names, maxNames);
  const room = node.usage();
  isAtMost("frames of one source in the inbox", room.inboxFramesOfOne, limits.maxInboxFrames);
  isAtMost("bytes of one source in the inbox", room.inboxBytesOfOne, limits.maxInboxBytes);
  isAtMost("who wait for a reply", room.waiters, limits.maxWaiters);
  isAtMost("who wait for a query's answer", room.queryWaiters, limits.maxWaitingQueries);
  isAtMost("operations of unsigned clients", room.gatewayOperations, limits.maxGatewayOperations);
  isAtMost("bytes of unsigned clients' operations", room.gatewayBytes, limits.maxGatewayBytes);
  isAtMost("bundles under way", room.bundles, limits.maxBundlesInFlight);
  for (const { depth, bytes } of outboxes) {
    isAtMost("frames in an outbox", depth, limits.maxOutboxFrames);
    isAtMost("bytes in an outbox", bytes, limits.maxOutboxBytes);
  }
  const full = overfull(buffers, genesis, replica, settings);
  if (full !== null) report("bounds", `${label} ${full}`);
}
