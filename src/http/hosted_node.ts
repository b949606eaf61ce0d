/**
 * What the HTTP routes need of a node.
 * @module
 */
import type { Node } from "../node/node.ts";

/** The part of a {@linkcode Node} that is put on the web; a test may bring a stand-in. */
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
