/**
 * Digest replies (§5.1 of the paper): one replica sends a result whole, and the others only what proves that theirs is the same. In place of a digest
 * it is the signature of the whole reply: the client puts the result that it got into the others' replies, and their signatures
 * hold if and only if the results are equal. So what is signed, and what stands in a receipt, is the same as without.
 * @module
 */
import { type ReplicaId, replicaId, type View, view } from "../../core/messages/ids.ts";
import type { Reply } from "../../core/messages/messages.ts";
import { inside } from "../codec/decode_error.ts";
import { Reader } from "../codec/reader.ts";
import { startWriting } from "../codec/writer.ts";
import { encodeFrame, encodeReplyFrame, type Frame } from "../messages/frame.ts";
import { LONG_ITEMS, PLAIN_ITEMS } from "../messages/frame_items.ts";
import { readPath, type ReplyPath, writePath } from "../messages/reply_tree.ts";
import { encodeMessage, SIGNATURE_BYTES } from "../messages/signed.ts";

/** The media type of a digest reply, and what a client says in its `accept` header that takes one. */
export const DIGEST_REPLY = "application/cbor;form=digest";

/** Shorter replies are sent whole, bytes. */
export const MIN_WHOLE_BYTES = 1_024;

/** A reply without its results. */
export interface DigestReply {
  readonly replica: ReplicaId;
  readonly view: View;
  /** That of the whole reply, or of the root to which `path` leads from the whole reply. */
  readonly signature: Uint8Array;
  readonly path?: ReplyPath;
}

/** The digest reply of a reply's frame. */
export function digestReplyOf({ signed: { message, signature }, path }: Frame): Uint8Array<ArrayBuffer> {
  if (message.kind !== "reply") throw new TypeError(`expected a reply, got a ${message.kind}`);
  const writer = startWriting();
  writer.array(path ? LONG_ITEMS : PLAIN_ITEMS);
  writer.uint(message.replica);
  writer.uint(message.view);
  writer.bytes(signature);
  if (path) writePath(writer, path);
  return writer.take();
}

/** Reads a digest reply. @throws {DecodeError} if `bytes` are none. */
export function decodeDigestReply(bytes: Uint8Array): DigestReply {
  const reader = new Reader(bytes);
  try {
    const items = reader.array(LONG_ITEMS);
    const [replica, inView] = [replicaId(reader.uint()), view(reader.uint())];
    const signature = reader.exactBytes(SIGNATURE_BYTES);
    const path = items === LONG_ITEMS ? readPath(reader) : undefined;
    reader.end();
    return { replica, view: inView, signature, ...(path && { path }) };
  } catch (error) {
    throw inside("digest reply", error);
  }
}

/** Whether bytes are a digest reply. A frame is none: its second item is a byte string, and not a view. */
export function isDigestReply(bytes: Uint8Array): boolean {
  try {
    decodeDigestReply(bytes);
    return true;
  } catch {
    return false;
  }
}

/**
 * The frame of the whole reply of which this is the digest reply, if its results are those of `reply`. Whether they are, its signature says.
 * @throws {DecodeError} if `bytes` are no digest reply.
 */
export function wholeReply(bytes: Uint8Array, reply: Reply): Uint8Array<ArrayBuffer> {
  const { replica, view, signature, path } = decodeDigestReply(bytes);
  const message: Reply = { ...reply, replica, view };
  const signed = { message, bytes: encodeMessage(message), signature };
  return path ? encodeReplyFrame(signed, path) : encodeFrame(signed);
}
