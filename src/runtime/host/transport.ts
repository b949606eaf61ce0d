/**
 * The transports to the other members of one epoch, for all runtimes.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import { createSigner } from "../../crypto/mod.ts";
import {
  FetchTransport,
  MEMBER_HEADER,
  Membership,
  SocketTransport,
  type SocketTransportOptions,
} from "../../http/mod.ts";
import type { Connections, Timer } from "../../node/ports.ts";
import type { HostEvent } from "../../node/host_event.ts";
import type { Epoch } from "../../wire/epochs/mod.ts";

/**
 * The membership of this replica: it proves itself to the others and checks their proofs. The transport and the routes share it.
 * @throws {TypeError} if the key is not valid.
 */
export function membershipOf(epoch: Epoch, self: ReplicaId, privateKey: string): Membership {
  return new Membership({ genesis: epoch.genesis, epoch, self, privateKey });
}

/** Options of {@linkcode socketTransportOf}. */
export interface SocketOptions {
  readonly timer: Timer;
  readonly membership: Membership;
  /** POSTs; by default the global one. */
  readonly fetch?: typeof globalThis.fetch | undefined;
  /** Opens a socket; by default with the global `WebSocket`. */
  readonly open?: SocketTransportOptions["open"] | undefined;
  /** Called when a socket does not deliver. */
  readonly onHostEvent?: (event: HostEvent) => void;
}

/** A transport that uses WebSockets where it can, and POST otherwise. It is for a replica whose process keeps running. */
export function socketTransportOf(
  epoch: Epoch,
  self: ReplicaId,
  privateKey: string,
  { timer, membership, onHostEvent, open, fetch }: SocketOptions,
): SocketTransport {
  const post = transportOf(epoch, self, privateKey, membership, { fetch });
  const prove = async (to: ReplicaId) => ({ [MEMBER_HEADER]: await membership.prove(to, "socket") });
  const { cluster } = epoch;
  const optional = { ...(onHostEvent && { onHostEvent }), ...(open && { open }) };
  return new SocketTransport({ clusterFile: epoch, cluster, post, prove, timer, ...optional });
}

/** Options of {@linkcode transportOf}. */
export interface PostOptions {
  /** Where the host bounds connections. */
  readonly connections?: Connections | undefined;
  /** POSTs; by default the global one. */
  readonly fetch?: typeof globalThis.fetch | undefined;
}

/** A transport that uses POST. Its requests prove that this replica is a member, and that it passes on clients' requests. */
export function transportOf(
  epoch: Epoch,
  self: ReplicaId,
  privateKey: string,
  membership: Membership = membershipOf(epoch, self, privateKey),
  { connections, fetch }: PostOptions = {},
): FetchTransport {
  const { cluster, context, number } = epoch;
  const relayer = { self, signer: createSigner(privateKey, context, number) };
  const optional = { ...(connections && { connections }), ...(fetch && { fetch }) };
  return new FetchTransport({ clusterFile: epoch, cluster, relayer, membership, ...optional });
}
