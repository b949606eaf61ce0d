/** Digest replies on the wire. */
import { assertEquals, assertThrows } from "@std/assert";
import { digest, replicaId, sequenceNumber, view } from "../../src/core/messages/ids.ts";
import type { Reply } from "../../src/core/messages/messages.ts";
import { sha256 } from "../../src/crypto/mod.ts";
import { decodeDigestReply, digestReplyOf, isDigestReply, wholeReply } from "../../src/wire/client/digest_reply.ts";
import { decodeFrame, encodeFrame, encodeMessage, encodeReplyFrame, replyTree, utf8 } from "../../src/wire/mod.ts";

const REPLY: Reply = {
  kind: "reply",
  replica: replicaId(2),
  view: view(300),
  request: digest("ab".repeat(32)),
  results: [{ sequence: sequenceNumber(7), status: "ok", value: utf8("x".repeat(2_000)) }],
};

function frames(reply: Reply): Uint8Array[] {
  const bytes = encodeMessage(reply);
  const signed = { message: reply, bytes, signature: new Uint8Array(64).fill(9) };
  const { paths } = replyTree([utf8("one"), bytes, utf8("three")], sha256);
  return [encodeFrame(signed), encodeReplyFrame(signed, paths[1]!)];
}

Deno.test("a digest reply and equal results of another replica give the whole reply, byte for byte", () => {
  for (const frame of frames(REPLY)) {
    const short = digestReplyOf(decodeFrame(frame));
    assertEquals([isDigestReply(short), isDigestReply(frame)], [true, false]);
    assertEquals(short.length < 200, true);
    assertEquals(wholeReply(short, { ...REPLY, replica: replicaId(0), view: view(1) }), frame);
    const results = [{ ...REPLY.results[0]!, value: utf8("y".repeat(2_000)) }];
    assertEquals(wholeReply(short, { ...REPLY, results }).length, frame.length);
    assertEquals(decodeFrame(wholeReply(short, { ...REPLY, results })).signed.message, { ...REPLY, results });
  }
});

Deno.test("cut, longer and other bytes are no digest reply", () => {
  for (const frame of frames(REPLY)) {
    const short = digestReplyOf(decodeFrame(frame));
    for (let length = 0; length < short.length; length++) {
      assertThrows(() => decodeDigestReply(short.subarray(0, length)), Error, "digest reply");
    }
    assertEquals(isDigestReply(new Uint8Array([...short, 0])), false);
  }
  for (const junk of [[], [0x80], [0x82, 1, 2], [0xff, 0xff], [0x83, 1, 2, 0x40]]) {
    assertEquals(isDigestReply(new Uint8Array(junk)), false);
  }
});
