/**
 * The transport that every runtime uses.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import { clusterId, createSigner } from "../../crypto/mod.ts";
import { FetchTransport, MEMBER_HEADER, Membership, SocketTransport } from "../../http/mod.ts";
import type { Timer } from "../../node/ports.ts";
import type { HostEvent } from "../../node/host_event.ts";
import type { ClusterFile } from "../../wire/mod.ts";

/** A member, as it proves itself to the others and checks their proofs: for its transport, and for its routes. @throws {TypeError} if the key is none. */
export function membershipOf({ genesis }: ClusterFile, self: ReplicaId, privateKey: string): Membership {
  return new Membership({ genesis, self, privateKey });
}

/** What {@linkcode socketTransportOf} needs beside the member's identity. */
export interface SocketOptions {
  readonly timer: Timer;
  readonly membership: Membership;
  /** Hears when a socket does not deliver. */
  readonly onHostEvent?: (trouble: HostEvent) => void;
}

/** The same, with what fits on sockets: for a replica that stays where it is. */
export function socketTransportOf(
  clusterFile: ClusterFile,
  self: ReplicaId,
  privateKey: string,
  { timer, membership, onHostEvent }: SocketOptions,
): SocketTransport {
  const post = transportOf(clusterFile, self, privateKey, membership);
  const prove = async (to: ReplicaId) => ({ [MEMBER_HEADER]: await membership.prove(to, "socket") });
  const cluster = clusterId(clusterFile.genesis);
  return new SocketTransport({ clusterFile, cluster, post, prove, timer, ...(onHostEvent && { onHostEvent }) });
}

/** POSTs to the members, by which this one proves that it is one, and says that it passes on clients' requests. */
export function transportOf(
  clusterFile: ClusterFile,
  self: ReplicaId,
  privateKey: string,
  membership: Membership = membershipOf(clusterFile, self, privateKey),
): FetchTransport {
  const cluster = clusterId(clusterFile.genesis);
  const relayer = { self, signer: createSigner(privateKey, cluster) };
  return new FetchTransport({ clusterFile, cluster, relayer, membership });
}
