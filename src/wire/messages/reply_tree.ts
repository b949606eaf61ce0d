/**
 * Replies that are signed together. A replica signs the root of a hash tree (Merkle) over many replies once, and each reply travels with
 * the hashes that lead from it to the root. So each can be verified without the others, also much later, in a receipt.
 *
 * A leaf is SHA-256(0x00, reply) and a node is SHA-256(0x01, left, right), as in RFC 6962: whoever presents a node as a reply, or a reply as
 * a node, needs a hash collision. A node without a partner goes up a level unchanged. The signature of a root has a domain of its own
 * (`replies`), so it is never valid for a message. A leaf holds the digest of its request, so a reply proves nothing about another request.
 * @module
 */
import type { Digest } from "../../core/messages/ids.ts";
import { concatBytes } from "../../core/tree/bytes.ts";
import { DecodeError, inside } from "../codec/decode_error.ts";
import { fromHex, toHex, writeHex } from "../codec/hex.ts";
import type { Reader } from "../codec/reader.ts";
import { startWriting, type Writer } from "../codec/writer.ts";

/** The way from one reply to the root. */
export interface ReplyPath {
  /** Bit k is 1 if the sibling on level k is on the left; level 0 is that of the replies. */
  readonly sides: number;
  /** The siblings' hashes, 32 bytes each, lowest level first. */
  readonly siblings: Uint8Array;
}

/** What a client that understands paths says in its `accept` header when it sends a request. */
export const ACCEPT_PATHS = "application/cbor;form=path";

/** The most levels of a path. */
export const MAX_PATH_LEVELS = 10;
/** The most replies in one tree. */
export const MAX_REPLIES_TOGETHER: number = 2 ** MAX_PATH_LEVELS;
const HASH_BYTES = 32;
const LEAF = new Uint8Array([0]);
const NODE = new Uint8Array([1]);

type Hash = (bytes: Uint8Array) => Digest;

/** The root of the tree over these replies' signed bytes, and the path of each. There are at most {@linkcode MAX_REPLIES_TOGETHER}. */
export function replyTree(
  replies: readonly Uint8Array[],
  hash: Hash,
): { readonly root: Digest; readonly paths: readonly ReplyPath[] } {
  if (replies.length < 1 || replies.length > MAX_REPLIES_TOGETHER) {
    throw new RangeError(`replies: expected 1 to ${MAX_REPLIES_TOGETHER}, got ${replies.length}`);
  }
  const levels = [hashesOf(replies.length, (i) => hash(leafOf(replies[i]!)))];
  for (let below = levels[0]!; below.length > HASH_BYTES; levels.push(below)) below = levelAbove(below, hash);
  return { root: toHex(levels.at(-1)!) as Digest, paths: replies.map((_, index) => pathOf(levels, index)) };
}

/** The hashes of a level, one behind the other. A tree of 200 replies is read 1,600 times, so they are bytes from the start. */
function hashesOf(count: number, hashAt: (index: number) => Digest): Uint8Array {
  const hashes = new Uint8Array(count * HASH_BYTES);
  for (let i = 0; i < count; i++) writeHex(hashAt(i), hashes, i * HASH_BYTES);
  return hashes;
}

function levelAbove(below: Uint8Array, hash: Hash): Uint8Array {
  const count = below.length / HASH_BYTES;
  const at = (index: number) => below.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
  const nodes = hashesOf(count >> 1, (i) => hash(nodeOf(at(2 * i), at(2 * i + 1))));
  return count % 2 === 0 ? nodes : concatBytes([nodes, at(count - 1)]);
}

function pathOf(levels: readonly Uint8Array[], index: number): ReplyPath {
  let [sides, length, at] = [0, 0, index];
  const siblings = new Uint8Array((levels.length - 1) * HASH_BYTES);
  for (const level of levels) {
    const start = (at ^ 1) * HASH_BYTES;
    if (start < level.length) {
      sides += (at & 1) << length / HASH_BYTES;
      for (let i = 0; i < HASH_BYTES; i++) siblings[length++] = level[start + i]!;
    }
    at >>= 1;
  }
  return { sides, siblings: siblings.subarray(0, length) };
}

/** The number of levels of a path. */
export function levelsOf({ siblings }: ReplyPath): number {
  return siblings.length / HASH_BYTES;
}

/** The bytes whose hash is the leaf of a reply. */
export function leafOf(reply: Uint8Array): Uint8Array {
  return concatBytes([LEAF, reply]);
}

/** The bytes whose hash is the node above the one with the hash `below`, on a path. */
export function parentOf(below: Digest, { sides, siblings }: ReplyPath, level: number): Uint8Array {
  const sibling = siblings.subarray(level * HASH_BYTES, (level + 1) * HASH_BYTES);
  return sides >> level & 1 ? nodeOf(sibling, fromHex(below)) : nodeOf(fromHex(below), sibling);
}

function nodeOf(left: Uint8Array, right: Uint8Array): Uint8Array {
  return concatBytes([NODE, left, right]);
}

/** The root to which a path leads from a reply. */
export function rootOf(reply: Uint8Array, path: ReplyPath, hash: Hash): Digest {
  let digest = hash(leafOf(reply));
  for (let level = 0; level < levelsOf(path); level++) digest = hash(parentOf(digest, path, level));
  return digest;
}

/** The bytes that are signed for a root, behind the domain `replies`. */
export function rootBytes(root: Digest): Uint8Array {
  const writer = startWriting();
  writer.hex32(root);
  return writer.take();
}

/** Writes a path. */
export function writePath(writer: Writer, { sides, siblings }: ReplyPath): void {
  writer.array(2);
  writer.uint(sides);
  writer.bytes(siblings);
}

/** Reads a path. The siblings are a view. @throws {DecodeError} if it is not one of 1 to {@linkcode MAX_PATH_LEVELS} levels. */
export function readPath(reader: Reader): ReplyPath {
  try {
    reader.tuple(2);
    const sides = reader.uint();
    const siblings = reader.bytes(MAX_PATH_LEVELS * HASH_BYTES);
    const levels = siblings.length / HASH_BYTES;
    if (!Number.isInteger(levels) || levels === 0) {
      throw new DecodeError("", `1 to ${MAX_PATH_LEVELS} hashes of ${HASH_BYTES} bytes`, `${siblings.length} bytes`);
    }
    if (sides >= 2 ** levels) throw new DecodeError("", `sides of ${levels} levels`, `${sides}`);
    return { sides, siblings };
  } catch (error) {
    throw inside("path", error);
  }
}
