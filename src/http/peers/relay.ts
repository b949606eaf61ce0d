/**
 * Signature of a member on a bundle in which it relays clients' requests. Bundles are normally unsigned, as each
 * message in them is signed. But where clients are restricted by admission or rate limits, a client could bypass them
 * by sending its request to the members' route. So a member signs the bundles in which it relays requests. Repeating
 * such a bundle gains nothing: it contains requests that a member has already accepted.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import { sha256 } from "../../crypto/mod.ts";
import type { Signer, Verifier } from "../../node/ports.ts";
import { frameKind, fromHex, toHex } from "../../wire/mod.ts";
import type { HostedNode } from "../hosted_node.ts";

/** `NUMBER SIGNATURE`: the member's number, and its signature of the body's digest in hex. */
export const RELAY_HEADER = "pbft-relay";

/** The member that relays. */
export interface Relayer {
  /** Its number. */
  readonly self: ReplicaId;
  /** Its signer. */
  readonly signer: Pick<Signer, "sign">;
}

/** Whether a frame is a client's request or query, as sent to `POST /requests` or `POST /queries`. */
export function isClientFrame(frame: Uint8Array): boolean {
  const kind = frameKind(frame);
  return kind === "request" || kind === "query";
}

/** The value of the header for a body. */
export function relayOf(body: Uint8Array, { self, signer }: Relayer): string {
  return `${self} ${toHex(signer.sign("relay", digestOf(body)))}`;
}

/** Whether the header is a member's valid signature of this body. */
export function isRelayed(header: string | null, body: Uint8Array, node: HostedNode, verifier: Verifier): boolean {
  const [, id, signature] = /^(\d{1,4}) ([0-9a-f]{128})$/.exec(header ?? "") ?? [];
  const member = node.genesis.replicas[Number(id)];
  if (signature === undefined || member === undefined) return false;
  return verifier.verify(member.publicKey, "relay", digestOf(body), fromHex(signature));
}

function digestOf(body: Uint8Array): Uint8Array {
  return fromHex(sha256(body));
}
