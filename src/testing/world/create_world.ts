/**
 * Makes the parts that a run shares.
 * @module
 */
import { DEFAULT_LIMITS, type Genesis } from "../../core/config.ts";
import type { ReplicaId } from "../../core/messages/ids.ts";
import { Replica } from "../../core/replica.ts";
import { clusterId } from "../../crypto/mod.ts";
import { nodeLimits } from "../../node/limits.ts";
import { completeSettings } from "../../node/options.ts";
import { Coverage } from "../coverage.ts";
import { StandInCryptography } from "./cryptography.ts";
import { Engine } from "./engine.ts";
import { Network } from "./network.ts";
import type { Plan } from "../plan/plan.ts";
import type { Random } from "../random.ts";
import type { RunOptions } from "../run_options.ts";
import { SharedGate } from "./shared_gate.ts";
import { Trace } from "../trace.ts";
import type { Invariant, Violation } from "../violation.ts";
import type { MachineFinding } from "../machine/fault.ts";
import { InvariantChecker } from "../invariants/invariant_checker.ts";
import type { World } from "./world.ts";
import type { WorldBase } from "./world_base.ts";

/** The mean time between two reloads of a replica from its store, in a run of the usual length, virtual ms. */
const RELOAD_MS = 3_000;
const USUAL_MS = 60_000;
/** Drills need several sequence numbers between two checkpoints. */
const LEAST_DRILLED = 4;

const NAMES = ["Apple", "Ball", "Candy", "Dog", "Egg", "Fig", "Grape", "Hat", "Ice", "Jam"];

/** The source of randomness, and the receiver of violations. */
export interface Surroundings {
  readonly random: Random;
  /** Called for each violation. The first one counts. */
  readonly onViolation: (violation: Violation) => void;
}

/** Makes the world of a plan. */
export function createWorld(plan: Plan, options: RunOptions, { random, onViolation }: Surroundings): World {
  const { replicas, network, settings, checkpointInterval, logWindow, maxBatchRequests } = plan;
  const engine = new Engine();
  const crypto = new StandInCryptography();
  const keys = NAMES.slice(0, replicas).map((name) => crypto.keyPair(name));
  const genesis: Genesis = {
    name: "simulation",
    replicas: keys.map(({ publicKey }, i) => ({ name: NAMES[i]!, publicKey })),
    checkpointInterval,
    logWindow,
    stateMachine: options.stateMachine(0 as ReplicaId).version,
    limits: { ...DEFAULT_LIMITS, maxBatchRequests, maxSessions: 64, maxNames: 64, ...plan.limits },
  };
  const cluster = clusterId(genesis);
  const limits = nodeLimits(genesis, {
    maxInboxFrames: 4_096,
    maxOutboxFrames: 1_024,
    maxWaiters: 4_096,
    ...plan.nodeLimits,
  });
  const maxVerifiedRequests = replicas * limits.maxVerifiedRequests;
  const report = (invariant: Invariant, detail: string, machine?: MachineFinding) => {
    onViolation({ invariant, detail, atMs: engine.now, ...machine && { machine } });
    trace.line("BROKEN", () => `${invariant}: ${detail}`);
  };
  const trace = new Trace(options.trace ?? false, () => engine.now);
  const base: WorldBase = {
    engine,
    network: new Network(engine, random.fork(), { ...network }),
    crypto,
    gate: new SharedGate({ genesis, verifier: crypto.createVerifier(cluster), maxVerifiedRequests, hash: crypto.hash }),
    genesis,
    cluster,
    settings: completeSettings(settings),
    limits,
    coverage: new Coverage(),
    trace,
    stateMachine: options.stateMachine,
    createCore: options.createCore ?? ((environment, storedState) => new Replica(environment, storedState)),
    persistInputs: plan.persistInputs,
    reloadMs: RELOAD_MS * replicas * Math.max(1, plan.durationMs / USUAL_MS),
    drills: (options.drills ?? true) && checkpointInterval >= LEAST_DRILLED,
    demands: plan.demands ?? [],
    report,
    stores: options.createStores?.() ?? null,
    keyOf: (replica) => keys[replica]!.privateKey,
  };
  return { ...base, checker: new InvariantChecker(base) };
}
