/**
 * The body of a batch: its timestamp and the signed requests, with their exact bytes and signatures.
 * @module
 */
import type { Limits } from "../../core/config.ts";
import type { Millis } from "../../core/messages/ids.ts";
import type { AnyRequest, Signed } from "../../core/messages/messages.ts";
import { DecodeError, inside } from "../codec/decode_error.ts";
import { completeLimits } from "./default_limits.ts";
import { Reader } from "../codec/reader.ts";
import { isRequest, readSigned, writeSigned } from "./signed.ts";
import { startWriting } from "../codec/writer.ts";

/** The content of a batch. Its requests are decoded but not verified. A batch without requests is a null request. */
export interface BatchContent {
  /** The time that the primary proposed for the batch. */
  readonly timestamp: Millis;
  /** The requests in the order of their execution. */
  readonly requests: readonly Signed<AnyRequest>[];
}

/**
 * The body of a batch. It does not contain the view, so its digest stays the same after a view change.
 * @throws {RangeError} if the timestamp is not a natural number.
 */
export function encodeBatch(timestamp: Millis, requests: readonly Signed<AnyRequest>[]): Uint8Array<ArrayBuffer> {
  const writer = startWriting();
  writer.array(2);
  try {
    writer.uint(timestamp);
  } catch (error) {
    throw inside("batch.timestamp", error);
  }
  writer.array(requests.length);
  for (const request of requests) {
    writer.array(3);
    writeSigned(writer, request);
  }
  return writer.take();
}

/**
 * Reads the body of a batch. Whether a body is valid depends only on the genesis's limits, so all correct replicas decide the same.
 * Byte strings are views of `bytes`.
 * @throws {DecodeError} if `bytes` are not exactly one well-formed batch within the limits.
 */
export function decodeBatch(bytes: Uint8Array, limits: Limits): BatchContent {
  if (bytes.length > limits.maxBatchBytes) {
    throw new DecodeError("batch", `at most ${limits.maxBatchBytes} bytes`, `${bytes.length} bytes`, {
      tooLarge: true,
    });
  }
  const reader = new Reader(bytes);
  let at = "";
  try {
    reader.tuple(2);
    at = "timestamp";
    const timestamp = reader.uint() as Millis;
    at = "requests";
    const requests = readRequests(reader, limits);
    at = "";
    reader.end();
    return { timestamp, requests };
  } catch (error) {
    throw inside(at === "" ? "batch" : `batch.${at}`, error);
  }
}

function readRequests(reader: Reader, limits: Limits): Signed<AnyRequest>[] {
  const wire = completeLimits(limits);
  const count = reader.array(limits.maxBatchRequests);
  const requests: Signed<AnyRequest>[] = [];
  try {
    while (requests.length < count) {
      reader.tuple(3);
      const signed = readSigned(reader, wire);
      const kind = signed.message.kind;
      if (!isRequest(kind)) throw new DecodeError("kind", "request or gateway-request", kind);
      requests.push(signed as Signed<AnyRequest>);
    }
  } catch (error) {
    throw inside(`[${requests.length}]`, error);
  }
  return requests;
}
