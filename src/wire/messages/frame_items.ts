/**
 * The items of a frame. The table of kinds is a parameter: that of replicas has all, that of clients those which they read.
 * @module
 */
import type { Signed } from "../../core/messages/messages.ts";
import { DecodeError, inside } from "../codec/decode_error.ts";
import { Reader } from "../codec/reader.ts";
import type { WireLimits } from "./limits.ts";
import { readPath, type ReplyPath } from "./reply_tree.ts";
import { type KindTable, readItems } from "./signed_items.ts";

/** The items of a signed message alone. */
export const PLAIN_ITEMS = 3;
/** With a batch or a path behind. */
export const LONG_ITEMS = 4;

/** The content of a frame. It is decoded but not verified: neither the signature nor the digest was checked. */
export interface Frame {
  /** The message, its exact bytes, and the signature that it claims. */
  readonly signed: Signed;
  /** The body of the batch, only with a pre-prepare, which should have its digest. */
  readonly batchBytes?: Uint8Array;
  /** Only with a reply that was signed together with others: the signature is that of the root to which this path leads. */
  readonly path?: ReplyPath;
}

/** Reads a frame of a kind in the table; see `decodeFrame`. @throws {DecodeError} if it is none. */
export function readFrame(table: KindTable, frame: Uint8Array, limits: WireLimits): Frame {
  if (frame.length > limits.maxFrameBytes) {
    throw new DecodeError("frame", `at most ${limits.maxFrameBytes} bytes`, `${frame.length} bytes`, {
      tooLarge: true,
    });
  }
  const reader = new Reader(frame);
  try {
    const items = reader.array(LONG_ITEMS);
    if (items < PLAIN_ITEMS) throw new DecodeError("", "an array of 3 or 4 items", `one of ${items}`);
    const signed = readItems(table, reader, limits);
    if (items === PLAIN_ITEMS) {
      reader.end();
      return { signed };
    }
    if (signed.message.kind === "reply") {
      const path = readPath(reader);
      reader.end();
      return { signed, path };
    }
    if (signed.message.kind !== "pre-prepare") {
      throw new DecodeError("", `3 items in the frame of a ${signed.message.kind}`, "4 items, the last a batch");
    }
    const batchBytes = readBatchBytes(reader, limits.maxBatchBytes);
    reader.end();
    return { signed, batchBytes };
  } catch (error) {
    throw inside("frame", error);
  }
}

function readBatchBytes(reader: Reader, max: number): Uint8Array {
  try {
    return reader.bytes(max);
  } catch (error) {
    throw inside("batch", error);
  }
}
