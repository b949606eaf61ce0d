/**
 * Makes the services that the core needs (hash, signatures, codec), bound to one replica.
 * @module
 */
import type { Settings, Terms } from "../core/config.ts";
import type { Digest, Millis, ReplicaId } from "../core/messages/ids.ts";
import type { ConfigurePort, Environment } from "../core/io.ts";
import type { AnyRequest, Batch, Message, Query, Signed, SignedRequest, Verified } from "../core/messages/messages.ts";
import type { MachineVersions } from "../core/epochs/versions.ts";
import type { StateMachine } from "../core/state_machine.ts";
import { sha256 } from "../crypto/mod.ts";
import { encodeBatch, encodeMessage, framed, pack, unpack } from "../wire/mod.ts";
import type { Signer } from "./ports.ts";

/** Options of {@linkcode createEnvironment}. */
export interface EnvironmentOptions {
  readonly self: ReplicaId;
  readonly genesis: Terms;
  readonly settings: Settings;
  readonly stateMachine: StateMachine;
  /** All its versions, to migrate to another one. */
  readonly versions?: MachineVersions;
  readonly signer: Signer;
  /** Reads `configure` operations. Without it there are none. */
  readonly configure?: ConfigurePort;
  readonly hash?: (bytes: Uint8Array) => Digest;
  readonly namesRequests?: boolean;
}

/**
 * Makes the services of one replica. Make new ones for each start of the replica, as the state machine in them has
 * state.
 */
export function createEnvironment(options: EnvironmentOptions): Environment {
  const { self, genesis, settings, stateMachine, versions, signer, configure, hash = sha256, namesRequests } = options;
  return {
    self,
    genesis,
    settings,
    stateMachine,
    hash,
    sign: (message) => sign(signer, message),
    batch(timestamp: Millis, requests: readonly SignedRequest[]): Batch {
      const bytes = encodeBatch(timestamp, requests);
      return { digest: hash(bytes), bytes, timestamp, requests };
    },
    pack,
    unpack,
    ...(configure && { configure }),
    ...(versions && {
      migration: (version) => versions.migration(genesis.stateMachine, version),
      createMachine: (version) => versions.create(version),
    }),
    ...(namesRequests && { namesRequests }),
  };
}

/** Encodes and signs a message. This is the only place that uses the node's private key. */
export function sign<M extends Message>(signer: Signer, message: M): Verified<Signed<M>> {
  const bytes = encodeMessage(message);
  return framed({ message, bytes, signature: signer.sign(message.kind, bytes) }) as Verified<Signed<M>>;
}

/** Adds the digest of the signed bytes to a signed message. The result of a verified message is verified. */
export function withDigest<M extends AnyRequest | Query>(
  { message, bytes, signature }: Signed<M>,
  hash: (bytes: Uint8Array) => Digest = sha256,
): Signed<M> & { readonly digest: Digest } {
  return { message, bytes, signature, digest: hash(bytes) };
}
