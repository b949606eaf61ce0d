/**
 * A signed message of any kind. Frames and batches contain such messages.
 * @module
 */
import type { Message, MessageKind, Signed } from "../../core/messages/messages.ts";
import type { Reader } from "../codec/reader.ts";
import type { Writer } from "../codec/writer.ts";
import { KIND_TABLE, KINDS } from "./kinds.ts";
import type { WireLimits } from "./limits.ts";
import { encodeContent, readContent, readItems, writeItems } from "./signed_items.ts";

export { isRequest, SIGNATURE_BYTES } from "./signed_items.ts";

/**
 * The bytes of a message that are signed. They do not contain its kind: that is in {@linkcode signedDomain} and in frames.
 * @throws {TypeError} or {@linkcode RangeError} naming the field that cannot be encoded.
 */
export function encodeMessage(message: Message): Uint8Array<ArrayBuffer> {
  if (KINDS[message.kind] === undefined) throw new TypeError(`kind: expected a kind of message, got ${message.kind}`);
  return encodeContent(KIND_TABLE, message);
}

/** The inverse of {@linkcode encodeMessage}. @throws {DecodeError} if `bytes` are not a message of this kind. */
export function decodeMessage(kind: MessageKind, bytes: Uint8Array, limits: WireLimits): Message {
  return readContent(KIND_TABLE, kind, bytes, limits);
}

/** Writes the three items of a signed message. The caller writes the head of the array around them. */
export function writeSigned(writer: Writer, signed: Signed): void {
  writeItems(KIND_TABLE, writer, signed);
}

/** Reads the three items of a signed message. Byte strings are views. `only` is the one kind that is valid here, if there is only one. */
export function readSigned(reader: Reader, limits: WireLimits, only?: MessageKind): Signed {
  return readItems(KIND_TABLE, reader, limits, only);
}
