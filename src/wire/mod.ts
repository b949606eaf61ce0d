/**
 * Messages to exact bytes and back: strict, canonical, bounded. Works in Deno, Node and browsers.
 * @module
 */
export { type BatchContent, decodeBatch, encodeBatch } from "./batch.ts";
export {
  type Bundle,
  BUNDLE_OVERHEAD_BYTES,
  type BundleOptions,
  decodeBundle,
  encodeBundle,
  WIRE_VERSION,
} from "./bundle.ts";
export { type ClusterFile, parseClusterFile, parseClusterText } from "./cluster_file.ts";
export { fromBase64, toBase64 } from "./base64.ts";
export { DecodeError } from "./decode_error.ts";
export { PROTOCOL, signedDomain, type SignedKind } from "./domain.ts";
export { decodeEvidence, encodeEvidence, type EvidenceItem } from "./evidence.ts";
export { decodeFrame, encodeFrame, type Frame, framed, frameKind } from "./frame.ts";
export { encodeGenesis, largestNewViewBytes, parseGenesis } from "./genesis.ts";
export { GrowingBuffer } from "./growing_buffer.ts";
export { fromHex, toHex } from "./hex.ts";
export { unheldNumber } from "./json_numbers.ts";
export { MAX_BLOBS, MAX_BODY_BYTES, MAX_LOG_WINDOW, MAX_NAME_BYTES, type WireLimits, wireLimits } from "./limits.ts";
export { pack, unpack } from "./plain.ts";
export { encodeMessage, SIGNATURE_BYTES } from "./signed.ts";
export { fromUtf8, utf8 } from "./utf8.ts";
