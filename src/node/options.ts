/**
 * What a node is made of.
 * @module
 */
import { DEFAULT_SETTINGS, type Genesis, type Settings } from "../core/config.ts";
import type { Digest, ReplicaId } from "../core/messages/ids.ts";
import type { Environment } from "../core/io.ts";
import type { Recovered } from "../core/records.ts";
import type { StateMachine } from "../core/state_machine.ts";
import { clusterId, createSigner, createVerifier, sha256 } from "../crypto/mod.ts";
import { parseGenesis } from "../wire/mod.ts";
import type { Gate } from "./in/gate.ts";
import type { StartOptions } from "./storage/start.ts";
import type { Core } from "./durable/task.ts";
import type { NodeLimits } from "./limits.ts";
import { archiving } from "./storage/archive.ts";
import type { Archive, Cryptography, Observer, Signer, Store, Timer, Transport } from "./ports.ts";

/** SHA-256 and Ed25519. */
export const CRYPTOGRAPHY: Cryptography = { hash: sha256, createSigner, createVerifier };

/** What a node is made of. */
export interface NodeOptions extends StartOptions {
  /** Which of the genesis's replicas it runs. */
  readonly self: ReplicaId;
  /** What the cluster is. */
  readonly genesis: Genesis;
  /** What differs from {@linkcode DEFAULT_SETTINGS}. */
  readonly settings?: Partial<Settings>;
  /** The node closes it. */
  readonly store: Store;
  /** Where what was executed goes before it is forgotten; nowhere if left out. */
  readonly archive?: Archive | undefined;
  /** Carries frames to the other replicas. */
  readonly transport: Transport;
  /** The clock and the alarm. */
  readonly timer: Timer;
  /** The Ed25519 seed of this replica's key, 64 lower-case hex digits. */
  readonly privateKey: string;
  /** Makes the service in its initial state. Called at each start of the replica, reloads included. */
  readonly stateMachine: () => StateMachine;
  /** Who hears what happens, from the start on. */
  readonly observers?: readonly Observer[];
  /** What differs from the default {@linkcode NodeLimits}. */
  readonly limits?: Partial<NodeLimits>;
  /**
   * The host may stop the node between any two messages, or run several of it at once: then others' votes, waiting requests
   * and timers are made durable too, before a message counts as taken. False if left out: a process keeps them in memory.
   */
  readonly persistInputs?: boolean;
  /** For the jitter of delays; by default from the key and the clock. */
  readonly seed?: number;
  /**
   * Makes the protocol's core. For tests and experiments: something around `Replica`, faulty perhaps.
   * @internal
   */
  readonly createCore?: (environment: Environment, recovered: Recovered) => Core;
  /**
   * The gate, by default one of its own. For simulations, whose nodes share one: what it lets pass depends on nothing but the frame
   * and the genesis.
   * @internal
   */
  readonly gate?: Gate;
  /** {@linkcode CRYPTOGRAPHY} if absent. For simulations, in which a stand-in is enough: all members must use the same. */
  readonly crypto?: Cryptography;
}

/** Fills in the defaults. @throws {RangeError} naming the setting that is wrong. */
export function completeSettings(chosen: Partial<Settings> = {}): Settings {
  const settings = { ...DEFAULT_SETTINGS, ...chosen };
  for (const [name, value] of Object.entries(settings)) {
    if (Number.isSafeInteger(value) && value > 0) continue;
    throw new RangeError(`settings.${name}: expected an integer above 0, got ${value}`);
  }
  return settings;
}

/** Differs between instances of one replica, so that they don't retry in step. */
export function seedOf({ publicKey }: Signer, timer: Timer): number {
  return parseInt(publicKey.slice(0, 8), 16) ^ timer.now() ^ Math.floor(timer.monotonic() * 1000);
}

/** What follows from a node's options. */
export interface Checked extends Pick<Cryptography, "hash"> {
  readonly genesis: Genesis;
  readonly settings: Settings;
  readonly cluster: Digest;
  readonly signer: Signer;
  /** With the archive before it, if there is one. */
  readonly store: Store;
  /** Whether the state machine can do with a part of its state in memory. */
  readonly lazyLoading: boolean;
}

/** What can be checked before there is a store. */
type Identity = Pick<NodeOptions, "self" | "genesis" | "settings" | "privateKey" | "stateMachine" | "crypto">;

/**
 * Checks that the options fit together. A host does so before it opens a store too: a wrong key must not leave an empty one behind.
 * @throws {TypeError} or {@linkcode RangeError} naming the one that does not.
 */
export function checkIdentity({ self, privateKey, stateMachine, ...options }: Identity): Omit<Checked, "store"> {
  const { hash, createSigner } = options.crypto ?? CRYPTOGRAPHY;
  const genesis = parseGenesis(options.genesis);
  const settings = completeSettings(options.settings);
  const cluster = clusterId(genesis);
  const signer = createSigner(privateKey, cluster);
  const member = genesis.replicas[self];
  if (!member) throw new RangeError(`self: expected 0 to ${genesis.replicas.length - 1}, got ${self}`);
  if (member.publicKey !== signer.publicKey) {
    throw new TypeError(`privateKey: expected ${member.name}'s, ${member.publicKey}, got that of ${signer.publicKey}`);
  }
  const { version, lazyLoading } = stateMachine();
  if (version === genesis.stateMachine) {
    return { genesis, settings, cluster, hash, signer, lazyLoading: lazyLoading !== undefined };
  }
  throw new TypeError(`stateMachine: expected version ${genesis.stateMachine}, got ${version}`);
}

/** {@linkcode checkIdentity} of a node's options, with the archive before the store. */
export function checkOptions(options: NodeOptions): Checked {
  return { ...checkIdentity(options), store: archiving(options.store, options.archive) };
}
