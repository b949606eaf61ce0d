/**
 * Tiny limits: sizes and times that ordinary runs never reach.
 * @module
 */
import type { Plan } from "../plan/plan.ts";
import type { Random } from "../random.ts";

/** The least that a batch must hold beyond its largest request, bytes. */
const ENVELOPE_BYTES = 1_024;

/** Draws limits that are reached all the time. */
export function tinyLimits(plan: Plan, random: Random): Plan {
  const maxRequestBytes = random.pick([2_048, 4_096, 16_384]);
  const checkpointInterval = random.pick([1, 2, 4]);
  const [first] = plan.signedClients;
  const guest = { ...first!, operations: 3, bundle: 1, pipelining: 1, gateways: 2 };
  return {
    ...plan,
    // More names than there is room for, and ever new sessions.
    unsignedClients: Array.from({ length: 6 }, () => guest),
    faults: [...plan.faults, { kind: "hostile-client", behaviour: "flooding", seed: random.seed() }],
    isCalm: false,
    checkpointInterval,
    logWindow: checkpointInterval * random.pick([2, 4]),
    maxBatchRequests: random.pick([1, 2, 64]),
    limits: {
      maxRequestBytes,
      maxBatchBytes: maxRequestBytes + ENVELOPE_BYTES,
      maxResultBytes: 4_096,
      maxSessionReplyBytes: 16 * 1_024,
      sessionWindow: random.pick([8, 64]),
      maxSessions: random.pick([8, 16]),
      sessionIdleMs: random.pick([2_000, 5_000]),
      maxNames: random.pick([4, 8]),
      nameIdleMs: 65_000,
    },
    nodeLimits: {
      maxInboxFrames: random.pick([64, 512]),
      maxInboxBytes: 256 * 1_024,
      maxOutboxFrames: random.pick([16, 128]),
      maxOutboxBytes: random.pick([32, 128]) * 1_024,
      maxBodyFrames: random.pick([4, 64]),
      maxDeliveriesInFlight: random.pick([1, 3]),
      maxBodyBytes: random.pick([8, 64]) * 1_024,
      maxWaiters: 64,
      maxWaitingQueries: 16,
      maxQueriesPerTurn: 2,
      maxGatewayOperations: 8,
      maxGatewayBytes: 4 * 1_024,
      maxBundlesInFlight: random.pick([1, 2]),
      maxSoftRecords: random.pick([1, 16]),
      maxSoftBytes: 8 * 1_024,
      maxVerifiedRequests: 32,
    },
    settings: {
      ...plan.settings,
      maxPendingRequests: random.pick([8, 24]),
      maxPendingBytes: 2 * maxRequestBytes,
      maxPendingPerClient: random.pick([2, 8]),
    },
  };
}

/** Names of unsigned clients are forgotten soon. */
export function idleNames(plan: Plan, random: Random): Plan {
  const { limits, unsignedClients, signedClients: [first] } = plan;
  const guest = { ...first!, operations: 4, bundle: 1, pipelining: 1 };
  return {
    ...plan,
    limits: { ...limits, nameIdleMs: 5_000, maxNames: random.pick([4, 64]) },
    unsignedClients: [...unsignedClients, guest, guest],
  };
}

/** A cluster of one, for trying things out. */
export function alone(plan: Plan, random: Random): Plan {
  const few = plan.faults.filter(({ kind }) => {
    return kind === "clock-jump" || kind === "coarse-alarms" || kind === "disk-failures" || kind === "slow-disk" ||
      kind === "hostile-client" || kind === "loss" || kind === "duplication";
  });
  const faults = few.map((fault) => "replica" in fault ? { ...fault, replica: 0 as typeof fault.replica } : fault);
  const atMs = random.between(0, 0.9 * plan.durationMs);
  return {
    ...plan,
    replicas: 1,
    skewsMs: plan.skewsMs.slice(0, 1),
    faults: [...faults, { kind: "crash", replica: 0 as never, atMs, forMs: random.exponential(3_000) }],
    coldReplicas: [],
  };
}
