/**
 * The wire format: messages to exact bytes and back. It is strict, canonical and bounded, and works in Deno, Node and browsers.
 * @module
 */
export { answeredJson, isCompressed, readAnswer, readUncompressed, UNCOMPRESSED } from "./answer.ts";
export { DIGEST_REPLY, digestReplyOf, MIN_WHOLE_BYTES } from "./client/digest_reply.ts";
export { parseBoundedJson } from "./bounded_json.ts";
export { type BatchContent, decodeBatch, encodeBatch } from "./messages/batch.ts";
export {
  type Bundle,
  BUNDLE_OVERHEAD_BYTES,
  type BundleOptions,
  decodeBundle,
  encodeBundle,
  WIRE_VERSION,
} from "./messages/bundle.ts";
export { type ClusterFile, parseClusterFile, parseClusterText } from "./cluster_file.ts";
export { readClusterText } from "./cluster_text.ts";
export { fromBase64, toBase64 } from "./codec/base64.ts";
export { DecodeError } from "./codec/decode_error.ts";
export { PROTOCOL, signedDomain, type SignedKind } from "./messages/domain.ts";
export { decodeEvidence, encodeEvidence, type EvidenceItem } from "./evidence.ts";
export { decodeFrame, encodeFrame, encodeReplyFrame, type Frame, framed, frameKind } from "./messages/frame.ts";
export { encodeGenesis, largestNewViewBytes, parseGenesis } from "./genesis.ts";
export { GrowingBuffer } from "./codec/growing_buffer.ts";
export { jsonFault } from "./codec/json_fault.ts";
export { repeatedName } from "./codec/json_keys.ts";
export { fromHex, toHex } from "./codec/hex.ts";
export { inexactNumber } from "./codec/json_numbers.ts";
export {
  MAX_BLOBS,
  MAX_BODY_BYTES,
  MAX_LOG_WINDOW,
  MAX_NAME_BYTES,
  type WireLimits,
  wireLimits,
} from "./messages/limits.ts";
export { pack, unpack } from "./codec/plain.ts";
export {
  ACCEPT_PATHS,
  leafOf,
  levelsOf,
  MAX_REPLIES_TOGETHER,
  parentOf,
  type ReplyPath,
  replyTree,
  rootBytes,
  rootOf,
} from "./messages/reply_tree.ts";
export { encodeMessage, SIGNATURE_BYTES } from "./messages/signed.ts";
export { fromUtf8, utf8 } from "./codec/utf8.ts";
export {
  decodeWatchLine,
  encodeWatchLine,
  MAX_WATCH_BATCHES,
  MAX_WATCH_LINE_BYTES,
  parseStatement,
  type Watched,
  type WatchedContent,
  type WatchLine,
  type WatchStatement,
  watchText,
} from "./watch.ts";
