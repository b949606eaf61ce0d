/**
 * The transport that every runtime uses.
 * @module
 */
import type { ReplicaId } from "../core/ids.ts";
import { clusterId, createSigner } from "../crypto/mod.ts";
import { FetchTransport, SocketTransport } from "../http/mod.ts";
import type { ClusterFile } from "../wire/mod.ts";

/** The same, with votes on sockets: for a replica that stays where it is. */
export function socketTransportOf(clusterFile: ClusterFile, self: ReplicaId, privateKey: string): SocketTransport {
  const post = transportOf(clusterFile, self, privateKey);
  return new SocketTransport({ clusterFile, cluster: clusterId(clusterFile.genesis), post });
}

/** POSTs to the members, by which this one says that it passes on clients' requests. */
export function transportOf(clusterFile: ClusterFile, self: ReplicaId, privateKey: string): FetchTransport {
  const cluster = clusterId(clusterFile.genesis);
  return new FetchTransport({ clusterFile, cluster, relayer: { self, signer: createSigner(privateKey, cluster) } });
}
