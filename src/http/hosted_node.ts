/**
 * The part of a node that the HTTP routes use.
 * @module
 */
import type { Node } from "../node/node.ts";

/** The members of {@linkcode Node} that the HTTP routes call. A test may pass a fake. */
export type HostedNode =
  & Pick<
    Node,
    | "self"
    | "genesis"
    | "cluster"
    | "receive"
    | "verifyRequest"
    | "verifyQuery"
    | "submit"
    | "query"
    | "vouch"
    | "status"
    | "observe"
  >
  & Partial<Pick<Node, "lastOf" | "report">>;
