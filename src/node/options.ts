/**
 * Options of a node, and their checks.
 * @module
 */
import { AT_ONCE, DEFAULT_SETTINGS, type Genesis, type Settings } from "../core/config.ts";
import type { Digest, ReplicaId } from "../core/messages/ids.ts";
import type { ClosedEpoch, Environment } from "../core/io.ts";
import type { StoredState } from "../core/records.ts";
import { MachineVersions, type StateMachines } from "../core/epochs/versions.ts";
import { clusterId, createSigner, createVerifier, sha256 } from "../crypto/mod.ts";
import { type Epoch, firstEpoch } from "../wire/epochs/mod.ts";
import { parseGenesis } from "../wire/mod.ts";
import type { Gate } from "./in/gate.ts";
import { startOf, type StartOptions } from "./storage/start.ts";
import type { Core } from "./durable/task.ts";
import type { NodeLimits } from "./limits.ts";
import type { ChangeLog } from "./watching/change_log.ts";
import { withArchive } from "./storage/archive.ts";
import type { Archive, Cryptography, Observer, Signer, Store, Timer, Transport } from "./ports.ts";

/** SHA-256 and Ed25519. */
export const CRYPTOGRAPHY: Cryptography = { hash: sha256, createSigner, createVerifier };

/** Options of a node. */
export interface NodeOptions extends StartOptions {
  /** The number of this replica in the genesis. */
  readonly self: ReplicaId;
  /** The genesis of the cluster. */
  readonly genesis: Genesis;
  /** The epoch that the node runs in; `genesis` is that of the epoch. Default: epoch 0. `ClusterMember` sets it. */
  readonly epoch?: Epoch | undefined;
  /** The genesis of epoch 0, and the links that lead from there to `epoch`. `ClusterMember` sets it. */
  readonly past?: { readonly genesis: Genesis; readonly links: readonly Uint8Array[] } | undefined;
  /** Overrides of {@linkcode DEFAULT_SETTINGS}. */
  readonly settings?: Partial<Settings>;
  /** The store of the replica. The node closes it. */
  readonly store: Store;
  /** An archive that keeps executed batches after the replica forgets them. Default: none. */
  readonly archive?: Archive | undefined;
  /** Sends frames to the other replicas. */
  readonly transport: Transport;
  /** The clock and timers. */
  readonly timer: Timer;
  /** The Ed25519 seed of this replica, 64 lower-case hex digits. */
  readonly privateKey: string;
  /**
   * Makes the state machine in its initial state; or the versions of it that this replica can run. Called at each start of
   * the replica, including reloads.
   */
  readonly stateMachine: StateMachines;
  /** Observers, called from the start on. */
  readonly observers?: readonly Observer[];
  /** Overrides of the default {@linkcode NodeLimits}. */
  readonly limits?: Partial<NodeLimits>;
  /**
   * Set it if the host may stop the node between any two messages, or run several instances of it. Then received votes,
   * waiting requests and timers are committed to the store as well, before a message counts as accepted. Default:
   * false; a long-running process keeps them in memory.
   */
  readonly persistInputs?: boolean;
  /** Seed for the jitter of delays. Default: from the key and the clock. */
  readonly seed?: number;
  /**
   * Hash and signatures. Default: {@linkcode CRYPTOGRAPHY}. A simulation may use a cheaper one; all members must use
   * the same.
   */
  readonly crypto?: Cryptography;
}

/** Parts of a node that a test or a simulation replaces. Not a part of the public interface. @internal */
export interface NodeInternals {
  /** Makes the core: a wrapper around `Replica`, which may be faulty. Default: `Replica`. */
  readonly createCore?: (environment: Environment, storedState: StoredState) => Core;
  /**
   * Called once the epoch is over, after that is durable. Only a node with this executes `configure`: all members of a
   * cluster must have it, or none.
   */
  readonly onClosed?: (closed: ClosedEpoch) => void;
  /** Called when the store turns out to be in another epoch: another instance of this replica has entered it. */
  readonly onOtherEpoch?: () => void;
  /** The gate in an epoch. The nodes of a simulation share one, as its result depends only on the frame and the epoch. Default: one per node. */
  readonly gateOf?: (epoch: Epoch) => Gate;
  /** The changes that this replica has recorded in the epoch before. */
  readonly formerChanges?: ChangeLog | undefined;
  /** How many batches are kept for those who watch. */
  readonly keptBatches?: number;
}

/** Fills in the default settings. @throws {RangeError} that names the invalid setting. */
export function completeSettings(chosen: Partial<Settings> = {}): Settings {
  const settings = { ...DEFAULT_SETTINGS, ...chosen };
  for (const [name, value] of Object.entries(settings)) {
    if (Number.isSafeInteger(value) && value > 0) continue;
    throw new RangeError(`settings.${name}: expected an integer above 0, got ${value}`);
  }
  return settings;
}

/**
 * Settings for a host that may stop the replica between any two messages: what a checkpoint in slices has done would be
 * lost with the memory, so it is taken at once.
 */
export function settingsFor(
  settings: Settings,
  { persistInputs = false }: Pick<NodeOptions, "persistInputs">,
): Settings {
  return persistInputs ? { ...settings, checkpointSliceBytes: AT_ONCE } : settings;
}

/** A seed that differs between instances of one replica, so that they do not retry at the same time. */
export function seedOf({ publicKey }: Signer, timer: Timer): number {
  return parseInt(publicKey.slice(0, 8), 16) ^ timer.now() ^ Math.floor(timer.monotonic() * 1000);
}

/** Values derived from a node's options. */
export interface Checked extends Pick<Cryptography, "hash"> {
  readonly genesis: Genesis;
  readonly settings: Settings;
  readonly cluster: Digest;
  readonly epoch: Epoch;
  readonly signer: Signer;
  /** The store, with the archive in front of it if there is one. */
  readonly store: Store;
  /** Whether the state machine can work with only a part of its state in memory. */
  readonly lazyLoading: boolean;
  /** The versions of the state machine. */
  readonly versions: MachineVersions;
}

/** The options that can be checked before the store is open. */
interface Identity
  extends StartOptions, Pick<NodeOptions, "self" | "genesis" | "epoch" | "settings" | "privateKey" | "crypto"> {
  /** If it is given, and the replica is a new one, it must have the version of the genesis. */
  readonly stateMachine?: StateMachines | undefined;
  /** With a chain of epochs another version may be in force. */
  readonly chain?: readonly Uint8Array[] | undefined;
}

/**
 * Checks that the options fit together. A host also calls it before it opens a store, so that a wrong key leaves no
 * empty store behind. Which version of the state machine is in force, only a store that is not empty can tell.
 * @throws {TypeError} or {@linkcode RangeError} that names the wrong option.
 */
export function checkMembership(
  { self, privateKey, stateMachine, chain, ...options }: Identity,
): Omit<Checked, "store" | "lazyLoading" | "versions"> {
  const { hash, createSigner } = options.crypto ?? CRYPTOGRAPHY;
  const genesis = parseGenesis(options.epoch?.genesis ?? options.genesis);
  const settings = completeSettings(options.settings);
  const epoch = options.epoch ?? firstEpoch({ genesis, urls: {} }, clusterId(genesis));
  const { cluster } = epoch;
  const signer = createSigner(privateKey, epoch.context, epoch.number);
  const member = genesis.replicas[self];
  if (!member) throw new RangeError(`self: expected 0 to ${genesis.replicas.length - 1}, got ${self}`);
  if (member.publicKey !== signer.publicKey) {
    throw new TypeError(
      `privateKey: expected the key of ${member.name}, ${member.publicKey}, got that of ${signer.publicKey}`,
    );
  }
  if (stateMachine && !chain && startOf(options, signer.publicKey) === "new") {
    MachineVersions.of(stateMachine).create(genesis.stateMachine);
  }
  return { genesis, settings, cluster, epoch, hash, signer };
}

/**
 * {@linkcode checkMembership}, and whether there is the version of the state machine; adds the archive in front of the
 * store.
 */
export function checkOptions(options: NodeOptions): Checked {
  const { stateMachine, ...identity } = options;
  const checked = checkMembership(identity);
  const versions = MachineVersions.of(stateMachine);
  const lazyLoading = versions.create(checked.genesis.stateMachine).lazyLoading !== undefined;
  return { ...checked, lazyLoading, versions, store: withArchive(options.store, options.archive) };
}
