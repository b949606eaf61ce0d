/**
 * What stands between a replica and the other members, for local clusters that are to be broken.
 * @module
 */
import type { HostedNode } from "../../http/mod.ts";
import type { Transport } from "../../node/ports.ts";

/** Stands on both ways of a replica's messages. */
export interface Interposer {
  /** What the replica sends by, instead of this transport. */
  transport(inner: Transport): Transport;
  /** What the routes give messages to, instead of this node. */
  node(inner: HostedNode): HostedNode;
}
