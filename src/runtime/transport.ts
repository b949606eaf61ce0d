/**
 * The transport that every runtime uses.
 * @module
 */
import type { ReplicaId } from "../core/ids.ts";
import { clusterId, createSigner } from "../crypto/mod.ts";
import { FetchTransport, Membership, SocketTransport } from "../http/mod.ts";
import type { ClusterFile } from "../wire/mod.ts";

/** A member, as it proves itself to the others and checks their proofs: for its transport, and for its routes. @throws {TypeError} if the key is none. */
export function membershipOf({ genesis }: ClusterFile, self: ReplicaId, privateKey: string): Membership {
  return new Membership({ genesis, self, privateKey });
}

/** The same, with votes on sockets: for a replica that stays where it is. */
export function socketTransportOf(
  clusterFile: ClusterFile,
  self: ReplicaId,
  privateKey: string,
  membership?: Membership,
): SocketTransport {
  const post = transportOf(clusterFile, self, privateKey, membership);
  return new SocketTransport({ clusterFile, cluster: clusterId(clusterFile.genesis), post });
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
