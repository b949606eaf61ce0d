import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import type { Digest, ReplicaId, View } from "../../src/core/messages/ids.ts";
import type { Reply } from "../../src/core/messages/messages.ts";
import { sha256 } from "../../src/crypto/mod.ts";
import {
  decodeFrame,
  encodeFrame,
  encodeMessage,
  encodeReplyFrame,
  fromHex,
  MAX_REPLIES_TOGETHER,
  type ReplyPath,
  replyTree,
  rootBytes,
  rootOf,
  toHex,
  utf8,
} from "../../src/wire/mod.ts";
import { Random } from "./random_messages.ts";

const replies = (count: number) => Array.from({ length: count }, (_, i) => utf8(`reply ${i}`));

Deno.test("each path leads to the root, in trees of any size", () => {
  for (let count = 1; count <= 70; count++) {
    const all = replies(count);
    const { root, paths } = replyTree(all, sha256);
    for (const [i, reply] of all.entries()) assertEquals(rootOf(reply, paths[i]!, sha256), root, `${i} of ${count}`);
    assert(paths.every(({ siblings }) => siblings.length <= 32 * Math.ceil(Math.log2(count))));
  }
});

Deno.test("the path of one reply leads to the root from no other reply, and not if a bit of it is changed", () => {
  const random = new Random(1);
  for (const count of [2, 3, 7, 8, 50]) {
    const all = replies(count);
    const { root, paths } = replyTree(all, sha256);
    for (const [i, { sides, siblings }] of paths.entries()) {
      for (const [k, other] of all.entries()) assertEquals(rootOf(other, paths[i]!, sha256) === root, i === k);
      const changed = siblings.slice();
      changed[random.int(changed.length)]! ^= 1 << random.int(8);
      const wrong: ReplyPath[] = [
        { sides, siblings: changed },
        { sides: sides ^ 1 << random.int(siblings.length / 32), siblings },
        { sides: sides & (2 ** (siblings.length / 32 - 1) - 1), siblings: siblings.subarray(0, -32) },
        { sides, siblings: new Uint8Array([...siblings, ...siblings.subarray(-32)]) },
      ];
      for (const path of wrong) assertFalse(rootOf(all[i]!, path, sha256) === root);
    }
  }
});

Deno.test("a node passes for no reply: its bytes as a reply lead to another root", () => {
  const all = replies(4);
  const { root, paths } = replyTree(all, sha256);
  const leaf = (reply: Uint8Array) => fromHex(sha256(new Uint8Array([0, ...reply])));
  const right: ReplyPath = { sides: 0, siblings: paths[0]!.siblings.subarray(32) };
  const node = [leaf(all[0]!), leaf(all[1]!)].flatMap((bytes) => [...bytes]);
  for (const forged of [node, [1, ...node]]) assertFalse(rootOf(new Uint8Array(forged), right, sha256) === root);
});

Deno.test("a tree has 1 to 1,024 replies", () => {
  assertEquals(MAX_REPLIES_TOGETHER, 1_024);
  assertThrows(() => replyTree([], sha256), RangeError, "expected 1 to 1024, got 0");
  assertThrows(() => replyTree(replies(1_025), sha256), RangeError, "got 1025");
  const all = replies(1_024);
  const { root, paths } = replyTree(all, sha256);
  assertEquals([paths[1_023]!.siblings.length, rootOf(all[1_023]!, paths[1_023]!, sha256)], [320, root]);
});

const message: Reply = {
  kind: "reply",
  replica: 2 as ReplicaId,
  view: 3 as View,
  request: "ab".repeat(32) as Digest,
  results: [],
};
const bytes = encodeMessage(message);
const signed = { message, bytes, signature: new Uint8Array(64).fill(0xdd) };
const sibling = new Uint8Array(32).fill(0xee);

Deno.test("a frame with a path is the frame of the reply with a fourth item, and is read back", () => {
  const path = { sides: 2, siblings: new Uint8Array(64).fill(0xee) };
  const frame = encodeReplyFrame(signed, path);
  const plain = toHex(encodeFrame(signed));
  assertEquals(toHex(frame), `84${plain.slice(2)}8202${"5840"}${"ee".repeat(64)}`);
  assertEquals(decodeFrame(frame), { signed, path });
  assertEquals(toHex(rootBytes(message.request)), `5820${message.request}`);
});

Deno.test("a path of another form is refused before anything is hashed", () => {
  const refused = (path: ReplyPath) => {
    try {
      decodeFrame(encodeReplyFrame(signed, path));
      return "accepted";
    } catch (error) {
      return (error as Error).message;
    }
  };
  const of = (siblings: Uint8Array, sides = 0) => refused({ sides, siblings });
  assertEquals([of(sibling), of(sibling, 1), of(new Uint8Array(320), 1_023)], Array(3).fill("accepted"));
  assertEquals(of(new Uint8Array()), "frame.path: expected 1 to 10 hashes of 32 bytes, got 0 bytes");
  assertEquals(of(new Uint8Array(33)), "frame.path: expected 1 to 10 hashes of 32 bytes, got 33 bytes");
  assertEquals(of(new Uint8Array(352)), "frame.path: expected at most 320 bytes, got 352 bytes");
  assertEquals(of(sibling, 2), "frame.path: expected sides of 1 levels, got 2");
  const commit = new Random(3).signed("commit");
  assertThrows(() => decodeFrame(encodeReplyFrame(commit as never, { sides: 0, siblings: sibling })), Error, "3 items");
});
