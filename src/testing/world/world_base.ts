/**
 * What the machines, clients and checkers of one run share.
 * @module
 */
import type { Genesis, Settings } from "../../core/config.ts";
import type { Digest, ReplicaId } from "../../core/messages/ids.ts";
import type { Environment } from "../../core/io.ts";
import type { StoredState } from "../../core/records.ts";
import type { StateMachine } from "../../core/state_machine.ts";
import type { Core } from "../../node/durable/task.ts";
import type { NodeLimits } from "../../node/limits.ts";
import type { Coverage } from "../coverage.ts";
import type { SimulatedCryptography } from "./cryptography.ts";
import type { Stores } from "../hosts/disk.ts";
import type { Epoch } from "../../wire/epochs/mod.ts";
import type { Signer } from "../../node/ports.ts";
import type { Hosts } from "../hosts/hosts.ts";
import type { Engine } from "./engine.ts";
import type { SimulatedVersions } from "../versions/versions.ts";
import type { Report } from "../violation.ts";
import type { StepChecks } from "../invariants/steps/checks.ts";
import type { Network } from "./network.ts";
import type { Demand } from "../plan/plan.ts";
import type { SharedGate } from "./shared_gate.ts";
import type { Trace } from "../trace.ts";
import type { Narrator } from "../watch/narrator.ts";
import type { Web } from "../http/ports.ts";

/**
 * Makes a replica's core: `Replica`, or one with a planted bug.
 * @internal
 */
export type CoreMaker = (environment: Environment, storedState: StoredState) => Core;

/** What the machines, clients and checkers of one run share. */
export interface WorldBase {
  readonly engine: Engine;
  readonly network: Network;
  readonly crypto: SimulatedCryptography;
  /** The gate of all nodes. */
  readonly gate: SharedGate;
  readonly genesis: Genesis;
  /** The cluster's id, for which clients sign. */
  readonly cluster: Digest;
  /** The epoch that this is the world of. `genesis` is its genesis. */
  readonly epoch: Epoch;
  readonly hosts: Hosts;
  readonly settings: Settings;
  readonly limits: NodeLimits;
  readonly coverage: Coverage;
  readonly trace: Trace;
  /** Tells somebody who watches; `null`: nobody does. */
  readonly narrator: Narrator | null;
  readonly stateMachine: (replica: ReplicaId) => StateMachine;
  /** All versions of the state machine; `null`: there is one. */
  readonly versions: SimulatedVersions | null;
  readonly createCore: CoreMaker;
  readonly persistInputs: boolean;
  /** The mean time between two reloads of one replica from its store, ms. */
  readonly reloadMs: number;
  /** Invariants of this run beyond those of every run. */
  readonly demands: readonly Demand[];
  readonly report: Report;
  /** Checks of what replicas send and store; `null`: none are made. */
  readonly steps: StepChecks | null;
  /** The HTTP interfaces of the replicas; `null`: they have none in this run. */
  readonly web: Web | null;
  /** The real stores beneath the disks; `null`: the disks are in memory only. */
  readonly stores: Stores | null;
  /** The private key of a replica. */
  readonly keyOf: (replica: ReplicaId) => string;
  /** Signs what a replica says in this epoch. */
  readonly signerOf: (replica: ReplicaId) => Signer;
}
