/**
 * The context that each signature covers in addition to the message.
 * @module
 */
import type { Digest } from "../../core/messages/ids.ts";
import type { MessageKind } from "../../core/messages/messages.ts";
import { startWriting } from "../codec/writer.ts";

/** Name and version of the protocol. Every signature covers it. */
export const PROTOCOL = "pbft/1";

/**
 * What can be signed: a message, a member's statement about clients' requests that it passes on (`relay`), its approval of the genesis
 * (`genesis`) or of the next epoch's configuration (`configuration`), the root of a tree of replies that are signed together (`replies`),
 * what it says to those who watch (`changes`), or that it has the state at which an epoch starts (`entered`).
 */
export type SignedKind = MessageKind | "relay" | "genesis" | "configuration" | "replies" | "changes" | "entered";

/**
 * The bytes that are signed in front of a message's bytes: protocol version, cluster, epoch and kind. A signature is therefore
 * valid in one cluster and for one kind only. The prefix and the message together form one CBOR array of five items, so two different
 * pairs never give the same bytes.
 * @throws {TypeError} if the cluster id is not a digest; {@linkcode RangeError} if the epoch is not a natural number.
 */
export function signedDomain(cluster: Digest, epoch: number, kind: SignedKind): Uint8Array<ArrayBuffer> {
  const writer = startWriting();
  writer.array(5);
  writer.text(PROTOCOL);
  writer.hex32(cluster);
  writer.uint(epoch);
  writer.text(kind);
  return writer.take();
}
