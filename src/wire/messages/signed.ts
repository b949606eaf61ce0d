/**
 * A signed message as three items: the code of its kind, the signed bytes, the signature. Frames, batches and certificates contain
 * such items.
 * @module
 */
import type { Message, MessageKind, Signed } from "../../core/messages/messages.ts";
import { DecodeError, inside } from "../codec/decode_error.ts";
import type { Field } from "../codec/fields.ts";
import { kindOf, KINDS } from "./kinds.ts";
import { MAX_BODY_BYTES, type WireLimits } from "./limits.ts";
import { Reader } from "../codec/reader.ts";
import { startWriting, type Writer } from "../codec/writer.ts";

/** Length of an Ed25519 signature, bytes. */
export const SIGNATURE_BYTES = 64;

/**
 * The bytes of a message that are signed. They do not contain its kind: that is in {@linkcode signedDomain} and in frames.
 * @throws {TypeError} or {@linkcode RangeError} naming the field that cannot be encoded.
 */
export function encodeMessage(message: Message): Uint8Array<ArrayBuffer> {
  const kind = KINDS[message.kind];
  if (kind === undefined) throw new TypeError(`kind: expected a kind of message, got ${message.kind}`);
  const writer = startWriting();
  try {
    (kind.fields as Field<Message>).write(writer, message);
  } catch (error) {
    throw inside(message.kind, error);
  }
  return writer.take();
}

/** The inverse of {@linkcode encodeMessage}. @throws {DecodeError} if `bytes` are not a message of this kind. */
export function decodeMessage(kind: MessageKind, bytes: Uint8Array, limits: WireLimits): Message {
  const reader = new Reader(bytes);
  try {
    const message = KINDS[kind].fields.read(reader, limits);
    reader.end();
    return message;
  } catch (error) {
    throw inside(kind, error);
  }
}

/** Writes the three items of a signed message. The caller writes the head of the array around them. */
export function writeSigned(writer: Writer, signed: Signed): void {
  if (signed.signature.length !== SIGNATURE_BYTES) {
    throw new TypeError(`signature: expected ${SIGNATURE_BYTES} bytes, got ${signed.signature.length}`);
  }
  writer.uint(KINDS[signed.message.kind].code);
  writer.bytes(signed.bytes);
  writer.bytes(signed.signature);
}

/**
 * Reads the three items of a signed message. Byte strings are views. `only` is the one kind that is valid here. It is checked before the
 * content is read, so messages cannot nest deeper than their kinds allow.
 */
export function readSigned(reader: Reader, limits: WireLimits, only?: MessageKind): Signed {
  let at = "kind";
  try {
    const kind = readKind(reader);
    if (only !== undefined && kind !== only) throw new DecodeError("", only, kind);
    at = "bytes";
    const bytes = reader.bytes(isRequest(kind) || kind === "query" ? limits.maxRequestBytes : MAX_BODY_BYTES);
    at = "signature";
    const signature = reader.exactBytes(SIGNATURE_BYTES);
    at = "";
    return { message: decodeMessage(kind, bytes, limits), bytes, signature };
  } catch (error) {
    throw at === "" ? error : inside(at, error);
  }
}

function readKind(reader: Reader): MessageKind {
  const code = reader.uint();
  const kind = kindOf(code);
  if (kind === undefined) throw new DecodeError("", "the code of a kind of message", `${code}`);
  return kind;
}

/** Whether messages of this kind are ordered. */
export function isRequest(kind: MessageKind): boolean {
  return kind === "request" || kind === "gateway-request";
}
