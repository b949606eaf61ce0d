/**
 * A bundle: many frames in one body. Replicas POST bundles to each other.
 * @module
 */
import type { Digest } from "../../core/messages/ids.ts";
import { DecodeError, inside } from "../codec/decode_error.ts";
import { MAX_BODY_BYTES } from "./limits.ts";
import { Reader } from "../codec/reader.ts";
import { startWriting } from "../codec/writer.ts";

/** The version of the wire format. */
export const WIRE_VERSION = 1;

/** The content of a bundle. Its frames are not decoded yet, so a malformed frame does not spoil the others. */
export interface Bundle {
  /** The cluster that the bundle is meant for. It is not signed: it helps to refuse a foreign bundle early, and proves nothing. */
  readonly cluster: Digest;
  /** The frames in the order in which they were sent. */
  readonly frames: readonly Uint8Array[];
}

/** The most that a bundle takes beside its frames, bytes. Each frame takes at most 5 bytes more. */
export const BUNDLE_OVERHEAD_BYTES = 64;

/** The body of a POST to a replica of `cluster`. @throws {TypeError} if the cluster id is not a digest. */
export function encodeBundle(cluster: Digest, frames: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const writer = startWriting();
  try {
    writer.array(3);
    writer.uint(WIRE_VERSION);
    writer.hex32(cluster);
  } catch (error) {
    throw inside("bundle.cluster", error);
  }
  writer.array(frames.length);
  for (const frame of frames) writer.bytes(frame);
  return writer.take();
}

/** How {@linkcode decodeBundle} reads. */
export interface BundleOptions {
  /** Whether these bytes look like a frame. The first that do not make the bundle invalid. If left out, all bytes are accepted. */
  readonly isFrame?: (bytes: Uint8Array) => boolean;
}

/**
 * Reads a bundle. A frame that is less than half of the memory behind `bytes` is a copy: a vote that is kept for long must
 * not keep megabytes of other frames in memory. A larger one is a view of it.
 * @throws {DecodeError} if `bytes` are not exactly one bundle of at most `maxFrames` frames.
 */
export function decodeBundle(bytes: Uint8Array, maxFrames: number, { isFrame }: BundleOptions = {}): Bundle {
  if (bytes.length > MAX_BODY_BYTES) {
    throw new DecodeError("bundle", `at most ${MAX_BODY_BYTES} bytes`, `${bytes.length} bytes`, { tooLarge: true });
  }
  const reader = new Reader(bytes);
  let at = "bundle";
  try {
    reader.tuple(3);
    at = "bundle.version";
    const version = reader.uint();
    if (version !== WIRE_VERSION) throw new DecodeError("", `${WIRE_VERSION}`, `${version}`);
    at = "bundle.cluster";
    const cluster = reader.hex32() as Digest;
    at = "bundle.frames";
    const count = reader.array(maxFrames);
    const frames: Uint8Array[] = [];
    while (frames.length < count) {
      at = `bundle.frames[${frames.length}]`;
      const frame = reader.bytes(MAX_BODY_BYTES);
      if (isFrame?.(frame) === false) {
        throw new DecodeError("", "a signed message", `${frame.length} bytes that are not one`);
      }
      frames.push(bytes.buffer.byteLength > 2 * frame.length ? frame.slice() : frame);
    }
    at = "bundle";
    reader.end();
    return { cluster, frames };
  } catch (error) {
    throw inside(at, error);
  }
}
