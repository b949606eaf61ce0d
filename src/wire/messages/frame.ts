/**
 * A frame: one signed message on the wire. A pre-prepare's frame may also hold the body of its batch, and a reply's frame the path to the
 * root of the tree that was signed in its place.
 * @module
 */
import type { Message, MessageKind, Reply, Signed } from "../../core/messages/messages.ts";
import { completeLimits } from "./default_limits.ts";
import { type Frame, LONG_ITEMS, PLAIN_ITEMS, readFrame } from "./frame_items.ts";
import { KIND_TABLE, kindOf, KINDS } from "./kinds.ts";
import type { WireLimits } from "./limits.ts";
import { type ReplyPath, writePath } from "./reply_tree.ts";
import { SIGNATURE_BYTES, writeSigned } from "./signed.ts";
import { Major, SLAB_BYTES, startWriting } from "../codec/writer.ts";

export type { Frame };

const SIGNATURE_HEAD_BYTES = 2;

/**
 * The frame of a signed message. If the message's bytes lie in such a frame already, the result is a view of it.
 * @throws {TypeError} if the signature does not have 64 bytes, or if a batch is given for another kind than a pre-prepare.
 */
export function encodeFrame(signed: Signed, batchBytes?: Uint8Array): Uint8Array<ArrayBuffer> {
  if (batchBytes !== undefined && signed.message.kind !== "pre-prepare") {
    throw new TypeError(`batchBytes: expected none beside a ${signed.message.kind}, got some`);
  }
  const around = batchBytes === undefined ? frameAround(signed) : null;
  if (around !== null) return around;
  const writer = startWriting();
  writer.array(batchBytes === undefined ? PLAIN_ITEMS : LONG_ITEMS);
  writeSigned(writer, signed);
  if (batchBytes !== undefined) writer.bytes(batchBytes);
  return writer.take();
}

/** The frame of a reply that was signed together with others. `signed.signature` is that of the root. */
export function encodeReplyFrame(signed: Signed<Reply>, path: ReplyPath): Uint8Array<ArrayBuffer> {
  const writer = startWriting();
  writer.array(LONG_ITEMS);
  writeSigned(writer, signed);
  writePath(writer, path);
  return writer.take();
}

/** The same signed message, with its bytes in one piece of memory with its frame, so that sending it copies nothing. */
export function framed<M extends Message>(signed: Signed<M>): Signed<M> {
  const { message, bytes } = signed;
  const frame = encodeFrame(signed);
  const end = frame.length - SIGNATURE_BYTES;
  const start = end - SIGNATURE_HEAD_BYTES - bytes.length;
  return { message, bytes: frame.subarray(start, start + bytes.length), signature: frame.subarray(end) };
}

/** The frame that the message's bytes lie in, as those of every decoded message do; `null` if there is none. */
function frameAround({ message, bytes, signature }: Signed): Uint8Array<ArrayBuffer> | null {
  const { length } = bytes;
  if (bytes.buffer !== signature.buffer || signature.length !== SIGNATURE_BYTES) return null;
  const head = length < 24 ? 1 : length < 0x100 ? 2 : length < 0x10000 ? 3 : 5;
  const start = bytes.byteOffset - head - 2;
  const end = signature.byteOffset + SIGNATURE_BYTES;
  const frameBytes = 2 + head + length + SIGNATURE_HEAD_BYTES + SIGNATURE_BYTES;
  if (start < 0 || end - start !== frameBytes) return null;
  // A frame that waits in an outbox must not keep a large buffer in memory.
  if (bytes.buffer.byteLength > Math.max(2 * frameBytes, SLAB_BYTES)) return null;
  const frame = new Uint8Array(bytes.buffer as ArrayBuffer, start, frameBytes);
  const at = 2 + head + length;
  const isFrame = frame[0] === (Major.array << 5 | PLAIN_ITEMS) && frame[1] === KINDS[message.kind].code &&
    isHeadOfBytes(frame, 2, length) && isHeadOfBytes(frame, at, SIGNATURE_BYTES);
  return isFrame ? frame : null;
}

/** Whether the head of a byte string of this length is at index `at`. */
function isHeadOfBytes(frame: Uint8Array, at: number, length: number): boolean {
  const type = Major.bytes << 5;
  if (length < 24) return frame[at] === (type | length);
  if (length < 0x100) return frame[at] === (type | 24) && frame[at + 1] === length;
  if (length < 0x10000) {
    return frame[at] === (type | 25) && frame[at + 1] === length >>> 8 && frame[at + 2] === (length & 255);
  }
  const value = (frame[at + 1]! << 24 | frame[at + 2]! << 16 | frame[at + 3]! << 8 | frame[at + 4]!) >>> 0;
  return frame[at] === (type | 26) && value === length;
}

/**
 * Reads a frame of any kind. Byte strings in the result are views of `frame`, so it must not change afterwards.
 *
 * If this succeeds, {@linkcode encodeFrame} (with a path {@linkcode encodeReplyFrame}) gives the same bytes again: each content has one form.
 * @throws {DecodeError} if `frame` is not exactly one well-formed frame within the limits.
 */
export function decodeFrame(frame: Uint8Array, limits: Partial<WireLimits> = {}): Frame {
  return readFrame(KIND_TABLE, frame, completeLimits(limits));
}

/** The kind that a frame claims in its first bytes. Nothing else is read. */
export function frameKind(frame: Uint8Array): MessageKind | "unknown" {
  const items = (frame[0] ?? 0) - (Major.array << 5);
  if (items !== PLAIN_ITEMS && items !== LONG_ITEMS) return "unknown";
  return kindOf(frame[1] ?? 0) ?? "unknown";
}
