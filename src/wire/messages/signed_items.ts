/**
 * A signed message as three items: the code of its kind, the signed bytes, the signature. The table of kinds is a parameter here, because
 * some kinds in that table contain signed messages.
 * @module
 */
import type { Message, MessageKind, Signed } from "../../core/messages/messages.ts";
import { DecodeError, inside } from "../codec/decode_error.ts";
import type { Field } from "../codec/fields.ts";
import { MAX_BODY_BYTES, type WireLimits } from "./limits.ts";
import { Reader } from "../codec/reader.ts";
import { startWriting, type Writer } from "../codec/writer.ts";

/** Length of an Ed25519 signature, bytes. */
export const SIGNATURE_BYTES = 64;

/** How each kind of message is written. */
export interface KindTable {
  /** The code of a kind in frames. */
  codeOf(kind: MessageKind): number;
  /** The kind of a code. */
  kindOf(code: number): MessageKind | undefined;
  /** The content of a kind. */
  fieldsOf(kind: MessageKind): Field<Message>;
}

/** Writes the signed bytes of one message. @throws {TypeError} or {@linkcode RangeError} naming the field that cannot be encoded. */
export function encodeContent(table: KindTable, message: Message): Uint8Array<ArrayBuffer> {
  const writer = startWriting();
  try {
    table.fieldsOf(message.kind).write(writer, message);
  } catch (error) {
    throw inside(message.kind, error);
  }
  return writer.take();
}

/** Reads the signed bytes of one message. @throws {DecodeError} if `bytes` are not a message of this kind. */
export function readContent(table: KindTable, kind: MessageKind, bytes: Uint8Array, limits: WireLimits): Message {
  const reader = new Reader(bytes);
  try {
    const message = table.fieldsOf(kind).read(reader, limits);
    reader.end();
    return message;
  } catch (error) {
    throw inside(kind, error);
  }
}

/** Writes the three items of a signed message. The caller writes the head of the array around them. */
export function writeItems(table: KindTable, writer: Writer, signed: Signed): void {
  if (signed.signature.length !== SIGNATURE_BYTES) {
    throw new TypeError(`signature: expected ${SIGNATURE_BYTES} bytes, got ${signed.signature.length}`);
  }
  writer.uint(table.codeOf(signed.message.kind));
  writer.bytes(signed.bytes);
  writer.bytes(signed.signature);
}

/**
 * Reads the three items of a signed message. Byte strings are views. `only` is the one kind that is valid here. It is checked before the
 * content is read, so messages cannot nest deeper than their kinds allow.
 */
export function readItems(table: KindTable, reader: Reader, limits: WireLimits, only?: MessageKind): Signed {
  let at = "kind";
  try {
    const kind = readKind(table, reader);
    if (only !== undefined && kind !== only) throw new DecodeError("", only, kind);
    at = "bytes";
    const bytes = reader.bytes(isRequest(kind) || kind === "query" ? limits.maxRequestBytes : MAX_BODY_BYTES);
    at = "signature";
    const signature = reader.exactBytes(SIGNATURE_BYTES);
    at = "";
    return { message: readContent(table, kind, bytes, limits), bytes, signature };
  } catch (error) {
    throw at === "" ? error : inside(at, error);
  }
}

function readKind(table: KindTable, reader: Reader): MessageKind {
  const code = reader.uint();
  const kind = table.kindOf(code);
  if (kind === undefined) throw new DecodeError("", "the code of a kind of message", `${code}`);
  return kind;
}

/** Whether messages of this kind are ordered. */
export function isRequest(kind: MessageKind): boolean {
  return kind === "request" || kind === "gateway-request";
}
