/**
 * One signed message as it travels, with the batch's body beside a pre-prepare.
 * @module
 */
import type { MessageKind, Signed } from "../core/messages.ts";
import { DecodeError, inside } from "./decode_error.ts";
import { kindOf } from "./kinds.ts";
import { completeLimits, type WireLimits } from "./limits.ts";
import { Reader } from "./reader.ts";
import { readSigned, writeSigned } from "./signed.ts";
import { Major, startWriting } from "./writer.ts";

/** What a frame holds. Decoded, but nobody's word yet: neither signature nor digest are checked. */
export interface Frame {
  /** The message, its exact bytes and what claims to be the signature over them. */
  readonly signed: Signed;
  /** Beside a pre-prepare: the body whose digest it should have. */
  readonly batchBytes?: Uint8Array;
}

const PLAIN_ITEMS = 3;
const ITEMS_WITH_BATCH = 4;

/**
 * The frame of a signed message.
 * @throws {TypeError} if the signature has not 64 bytes, or a batch goes with anything but a pre-prepare.
 */
export function encodeFrame(signed: Signed, batchBytes?: Uint8Array): Uint8Array<ArrayBuffer> {
  if (batchBytes !== undefined && signed.message.kind !== "pre-prepare") {
    throw new TypeError(`batchBytes: expected none beside a ${signed.message.kind}, got some`);
  }
  const writer = startWriting();
  writer.array(batchBytes === undefined ? PLAIN_ITEMS : ITEMS_WITH_BATCH);
  writeSigned(writer, signed);
  if (batchBytes !== undefined) writer.bytes(batchBytes);
  return writer.take();
}

/**
 * Reads a frame. Byte strings in it are views of `frame`, so it must not change afterwards.
 *
 * If this succeeds, {@linkcode encodeFrame} would give the same bytes again: one content has one form.
 * @throws {DecodeError} if it is not exactly one well-formed frame within the limits.
 */
export function decodeFrame(frame: Uint8Array, limits: Partial<WireLimits> = {}): Frame {
  const all = completeLimits(limits);
  if (frame.length > all.maxFrameBytes) {
    throw new DecodeError("frame", `at most ${all.maxFrameBytes} bytes`, `${frame.length} bytes`, { tooLarge: true });
  }
  const reader = new Reader(frame);
  try {
    const items = reader.array(ITEMS_WITH_BATCH);
    if (items < PLAIN_ITEMS) throw new DecodeError("", "an array of 3 or 4 items", `one of ${items}`);
    const signed = readSigned(reader, all);
    if (items === PLAIN_ITEMS) {
      reader.end();
      return { signed };
    }
    if (signed.message.kind !== "pre-prepare") {
      throw new DecodeError("", `3 items in a ${signed.message.kind}`, "a batch beside it");
    }
    const batchBytes = readBatchBytes(reader, all.maxBatchBytes);
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

/** The kind that a frame claims to be, at a glance. */
export function frameKind(frame: Uint8Array): MessageKind | "unknown" {
  const items = (frame[0] ?? 0) - (Major.array << 5);
  if (items !== PLAIN_ITEMS && items !== ITEMS_WITH_BATCH) return "unknown";
  return kindOf(frame[1] ?? 0) ?? "unknown";
}
