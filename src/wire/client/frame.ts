/**
 * What a client writes and reads: the same bytes as those of `frame.ts` and `signed.ts`, for fewer kinds.
 * @module
 */
import type { ClientRequest, Query, Signed } from "../../core/messages/messages.ts";
import { startWriting } from "../codec/writer.ts";
import { CLIENT_TABLE } from "./kinds.ts";
import { type Frame, PLAIN_ITEMS, readFrame } from "../messages/frame_items.ts";
import type { WireLimits } from "../messages/limits.ts";
import { encodeContent, writeItems } from "../messages/signed_items.ts";

/** The bytes of a request or query that are signed. @throws {TypeError} or {@linkcode RangeError} naming the field that cannot be encoded. */
export function encodeClientMessage(message: ClientRequest | Query): Uint8Array<ArrayBuffer> {
  return encodeContent(CLIENT_TABLE, message);
}

/** The frame of a request or query. @throws {TypeError} if the signature does not have 64 bytes. */
export function encodeClientFrame(signed: Signed<ClientRequest | Query>): Uint8Array<ArrayBuffer> {
  const writer = startWriting();
  writer.array(PLAIN_ITEMS);
  writeItems(CLIENT_TABLE, writer, signed);
  return writer.take();
}

/** Reads a replica's answer. @throws {DecodeError} if it is no frame of a kind that clients read. */
export function decodeAnswer(frame: Uint8Array, limits: WireLimits): Frame {
  return readFrame(CLIENT_TABLE, frame, limits);
}
