/**
 * How a member says that it passes on clients' requests. A bundle of frames is nobody's word, and need not be: each message in it is signed. But
 * where not every client is admitted, or each only so often, a client could bring its request by the members' way. So a member signs the
 * bodies in which it passes requests on. Who repeats such a body gains nothing: it holds requests that a member took.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import { sha256 } from "../../crypto/mod.ts";
import type { Signer, Verifier } from "../../node/ports.ts";
import { frameKind, fromHex, toHex } from "../../wire/mod.ts";
import type { HostedNode } from "../hosted_node.ts";

/** `NUMBER SIGNATURE`: the member, and its signature over the body's digest, hex. */
export const RELAY_HEADER = "pbft-relay";

/** The member that passes on. */
export interface Relayer {
  /** Its number. */
  readonly self: ReplicaId;
  /** Signs for it. */
  readonly signer: Pick<Signer, "sign">;
}

/** Whether a frame is what a client signed: what is taken at `POST /requests` and `POST /queries`. */
export function isClients(frame: Uint8Array): boolean {
  const kind = frameKind(frame);
  return kind === "request" || kind === "query";
}

/** The header's value for a body. */
export function relayOf(body: Uint8Array, { self, signer }: Relayer): string {
  return `${self} ${toHex(signer.sign("relay", digestOf(body)))}`;
}

/** Whether the header says that a member passes this body on, and it did sign it. */
export function isRelayed(header: string | null, body: Uint8Array, node: HostedNode, verifier: Verifier): boolean {
  const [, id, signature] = /^(\d{1,4}) ([0-9a-f]{128})$/.exec(header ?? "") ?? [];
  const member = node.genesis.replicas[Number(id)];
  if (signature === undefined || member === undefined) return false;
  return verifier.verify(member.publicKey, "relay", digestOf(body), fromHex(signature));
}

function digestOf(body: Uint8Array): Uint8Array {
  return fromHex(sha256(body));
}
