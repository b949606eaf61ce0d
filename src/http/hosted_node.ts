/**
 * The part of a node that the HTTP routes use.
 * @module
 */
import type { ReplicaNode } from "../node/node.ts";

/** The members of {@linkcode ReplicaNode} that the HTTP routes call. A test may pass a fake. */
export type HostedNode =
  & Pick<
    ReplicaNode,
    | "self"
    | "genesis"
    | "cluster"
    | "receive"
    | "stream"
    | "verifyRequest"
    | "verifyQuery"
    | "submit"
    | "query"
    | "vouch"
    | "status"
    | "observe"
  >
  & Partial<
    Pick<
      ReplicaNode,
      | "epoch"
      | "past"
      | "lastOf"
      | "hasSession"
      | "report"
      | "restMs"
      | "watch"
      | "changes"
      | "signChanges"
      | "stableCertificate"
      | "readBlobs"
      | "wantedState"
    >
  >;
