/**
 * Makes the parts that a run shares.
 * @module
 */
import { DEFAULT_LIMITS, type Genesis } from "../../core/config.ts";
import type { ReplicaId } from "../../core/messages/ids.ts";
import { Replica } from "../../core/replica.ts";
import { clusterId } from "../../crypto/mod.ts";
import { type NodeLimits, nodeLimits } from "../../node/limits.ts";
import { termsOf, verifierOf } from "../../node/epochs/cryptography.ts";
import { type Epoch, firstEpoch } from "../../wire/epochs/mod.ts";
import type { Environment } from "../../core/io.ts";
import type { StoredState } from "../../core/records.ts";
import type { Epochs, EpochsOptions } from "../epochs/epochs.ts";
import { Hosts } from "../hosts/hosts.ts";
import { completeSettings } from "../../node/options.ts";
import { Coverage } from "../coverage.ts";
import { type SimulatedCryptography, StandInCryptography } from "./cryptography.ts";
import { Engine } from "./engine.ts";
import { Network } from "./network.ts";
import type { Plan } from "../plan/plan.ts";
import type { Random } from "../random.ts";
import type { RunOptions } from "../run_options.ts";
import { SharedGate } from "./shared_gate.ts";
import { Trace } from "../trace.ts";
import type { Invariant, Violation } from "../violation.ts";
import { wordsFor } from "../watch/words.ts";
import type { MachineFinding } from "../machine/fault.ts";
import { InvariantChecker } from "../invariants/invariant_checker.ts";
import type { StepChecks } from "../invariants/steps/checks.ts";
import type { Drill, ReloadCheck, World } from "./world.ts";
import type { WorldBase } from "./world_base.ts";
import { Narrator } from "../watch/narrator.ts";
import type { Watcher } from "../watch/shown.ts";
import type { Web, WebParts } from "../http/ports.ts";

/** The mean time between two reloads of a replica from its store, in a run of the usual length, virtual ms. */
const RELOAD_MS = 3_000;
const USUAL_MS = 60_000;
/** Small enough to be reached. */
const NODE_LIMITS: Partial<NodeLimits> = { maxInboxFrames: 4_096, maxOutboxFrames: 1_024, maxWaiters: 4_096 };
/** Drills need several sequence numbers between two checkpoints. */
const LEAST_DRILLED = 4;

/** Turns of the microtask queue between two events where a request goes through HTTP routes. */
const WEB_TURNS = 40;

/** The source of randomness, and the receiver of violations. */
export interface Surroundings {
  readonly random: Random;
  /** Called for each violation. The first one counts. */
  readonly onViolation: (violation: Violation) => void;
  /** Is told what happens. */
  readonly watcher?: Watcher | undefined;
  /** Holds a drill on a copy of a replica. */
  readonly drill?: Drill | undefined;
  /** Checks of what replicas send and store. */
  readonly steps?: StepChecks | undefined;
  /** Compares a replica with one that is read from its store. */
  readonly checkReload?: ReloadCheck | undefined;
  /** Makes the HTTP interfaces of the replicas. */
  readonly createWeb?: ((parts: WebParts) => Web) | undefined;
  /** By default a cheap stand-in. */
  readonly crypto?: SimulatedCryptography | undefined;
  /** Makes the epochs of a plan in which members change. */
  readonly createEpochs?: ((options: EpochsOptions) => Epochs) | undefined;
}

/** Makes the world of a plan, as it is in epoch 0. */
export function createWorld(
  plan: Plan,
  options: RunOptions,
  { random, onViolation, watcher, drill, steps, checkReload, createWeb, createEpochs, ...given }: Surroundings,
): World {
  const { replicas, network, settings, checkpointInterval, logWindow, maxBatchRequests, reconfigurations } = plan;
  const engine = new Engine(createWeb && WEB_TURNS);
  const crypto = given.crypto ?? new StandInCryptography();
  const hosts = new Hosts(crypto, replicas + (reconfigurations?.spares ?? 0));
  const genesis: Genesis = {
    name: "simulation",
    replicas: hosts.ids.slice(0, replicas).map((id) => {
      return { name: hosts.nameOf(id), publicKey: hosts.keyOf(id).publicKey };
    }),
    checkpointInterval,
    logWindow,
    stateMachine: options.stateMachine(0 as ReplicaId).version,
    limits: { ...DEFAULT_LIMITS, maxBatchRequests, maxSessions: 64, maxNames: 64, ...plan.limits },
  };
  const urls = Object.fromEntries(hosts.ids.slice(0, replicas).map((id) => [hosts.nameOf(id), hosts.urlOf(id)]));
  const report = (invariant: Invariant, detail: string, machine?: MachineFinding) => {
    onViolation({ invariant, detail, atMs: engine.now, ...machine && { machine } });
    trace.line("BROKEN", () => `${invariant}: ${detail}`);
    narrator?.note(`BROKEN: ${wordsFor(invariant)}. ${detail} (${invariant})`, true);
  };
  const narrator = watcher ? new Narrator(engine, crypto, watcher) : null;
  const trace = new Trace(options.trace ?? false, () => engine.now);
  const net = new Network(engine, random.fork(), { ...network });
  const coverage = new Coverage();
  const shared = {
    engine,
    network: net,
    crypto,
    hosts,
    settings: completeSettings(settings),
    coverage,
    trace,
    narrator,
    versions: options.versions ?? null,
    createCore: options.createCore ??
      ((environment: Environment, storedState: StoredState) => new Replica(environment, storedState)),
    persistInputs: plan.persistInputs,
    reloadMs: RELOAD_MS * replicas * Math.max(1, plan.durationMs / USUAL_MS),
    demands: plan.demands ?? [],
    report,
    steps: steps ?? null,
    stores: options.createStores?.() ?? null,
    web: createWeb?.({ engine, network: net, hosts, coverage, report, genesis, urls }) ?? null,
  };
  const isDrilled = checkpointInterval >= LEAST_DRILLED && !reconfigurations;
  const worldOf = (epoch: Epoch, before: InvariantChecker | null): World => {
    const { stateMachine: version } = epoch.genesis;
    const isFirst = version === genesis.stateMachine;
    const stateMachine = isFirst ? options.stateMachine : () => options.versions!.create(version);
    const base: WorldBase = { ...shared, stateMachine, ...inEpoch(epoch, { crypto, hosts }, plan.nodeLimits) };
    const checker = new InvariantChecker(base, before);
    return { ...base, epochs, checker, drill: isDrilled && drill ? drill : null, checkReload: checkReload ?? null };
  };
  const first = firstEpoch({ genesis, urls }, clusterId(genesis));
  if (reconfigurations && !createEpochs) throw new Error("the members change in this run, and here they cannot");
  const epochs = reconfigurations ? createEpochs!({ worldOf, report, coverage }) : null;
  const world = worldOf(first, null);
  epochs?.begin(world);
  return world;
}

/** The parts that differ from epoch to epoch. */
function inEpoch(
  epoch: Epoch,
  { crypto, hosts }: Pick<WorldBase, "crypto" | "hosts">,
  overrides?: Partial<NodeLimits>,
) {
  const { genesis, cluster, context, number } = epoch;
  const limits = nodeLimits(genesis, { ...NODE_LIMITS, ...overrides });
  const maxVerifiedRequests = genesis.replicas.length * limits.maxVerifiedRequests;
  const verifier = verifierOf(epoch, crypto);
  const keyOf = (replica: ReplicaId) => hosts.privateKeyOf(genesis.replicas[replica]!.publicKey);
  return {
    epoch,
    genesis,
    cluster,
    limits,
    gate: new SharedGate({ genesis: termsOf(epoch), verifier, maxVerifiedRequests, hash: crypto.hash }),
    keyOf,
    signerOf: (replica: ReplicaId) => crypto.createSigner(keyOf(replica), context, number),
  };
}
