/**
 * What a signature is bound to beside the message.
 * @module
 */
import type { Digest } from "../../core/messages/ids.ts";
import type { MessageKind } from "../../core/messages/messages.ts";
import { startWriting } from "../codec/writer.ts";

/** The protocol's name and version in every signature. */
export const PROTOCOL = "pbft/1";

/** What is signed: messages, and what a member says of a body of clients' requests that it passes on (`relay`). */
export type SignedKind = MessageKind | "relay";

/**
 * The prefix that is signed before a message's bytes: protocol version, cluster, epoch and kind, so that a signature
 * is good for nothing else. Prefix and message together are one CBOR array of five items, so that no two of them can
 * look alike.
 * @throws {TypeError} if the cluster id is not a digest, {@linkcode RangeError} if the epoch is not a natural number.
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
