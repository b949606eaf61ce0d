/**
 * A node as callers see it over the end of its epoch: what they wait for is asked again of the node that follows. Each
 * operation is executed once all the same: clients sign for all epochs, and unsigned operations are known by name and
 * timestamp.
 * @module
 */
import { encodeFrame } from "../../wire/mod.ts";
import type { ReplicaNode } from "../node.ts";
import type { Rejection } from "../ports.ts";
import type { Asked } from "../gateway/waiters.ts";
import type { SubmitOptions } from "../gateway/submit.ts";
import type { ClusterMember } from "./cluster_member.ts";

/** The methods that wait for the cluster. */
type Following = Pick<ReplicaNode, "submit" | "query" | "vouch">;

/** These methods of `node`, which go on with the nodes that follow it. */
export function following(node: ReplicaNode, member: ClusterMember): Following {
  const over = async <T>(ask: (node: ReplicaNode) => Promise<T | Rejection>): Promise<T | Rejection> => {
    for (let present = node;;) {
      const answer = await ask(present);
      if (!isUnavailable(answer) || !(member.isMoving || member.node !== present)) return answer;
      const next = await member.nodeAfter(present);
      if (!next || next === present) return answer;
      present = next;
    }
  };
  // The next node verifies it anew: its limits may be others.
  const again = (asked: Asked | Uint8Array, present: ReplicaNode) =>
    present === node || asked instanceof Uint8Array ? asked : encodeFrame(asked);
  return {
    submit: (request, options?: SubmitOptions) =>
      over((present) => present.submit(again(request, present) as typeof request, options)),
    query: (query, options?: SubmitOptions) =>
      over((present) => present.query(again(query, present) as typeof query, options)),
    vouch: (operations, signal) => over((present) => present.vouch(operations, signal)),
  };
}

function isUnavailable(answer: unknown): boolean {
  return !(answer instanceof Uint8Array) && (answer as Partial<Rejection>).reason === "unavailable";
}
