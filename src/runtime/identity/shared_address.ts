/**
 * Two replicas at one address, while the key of a member changes: which of them a request is for.
 *
 * The messages of the others have to reach the next replica from the first moment of its epoch on. The state at which the
 * epoch starts may be gone everywhere: the former replica need not have had it, and the others keep it only until they have
 * two later checkpoints. So the next replica must hear of later ones.
 * @module
 */
import type { ReplicaApp } from "../../http/mod.ts";
import type { MemberHost } from "../host/member_host.ts";

/** The former replica may have the state that the next one and others fetch. */
const STATE_PATH = "/epochs/state";

/** Answers by the former replica until its epoch is over and the next one runs; from then on by the next one. */
export function sharedAddress(
  former: Pick<MemberHost, "member" | "fetch">,
  next: Pick<MemberHost, "member" | "fetch">,
): ReplicaApp["fetch"] {
  return (request, connection) => {
    const isNext = former.member.node === null && next.member.node !== null;
    const host = isNext && !new URL(request.url).pathname.endsWith(STATE_PATH) ? next : former;
    return host.fetch(request, connection);
  };
}
