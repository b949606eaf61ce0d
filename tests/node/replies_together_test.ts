import { assert, assertEquals } from "@std/assert";
import type { Digest, ReplicaId, View } from "../../src/core/messages/ids.ts";
import type { Reply } from "../../src/core/messages/messages.ts";
import { createSigner, createVerifier, generateKeyPair, sha256 } from "../../src/crypto/mod.ts";
import { signTogether } from "../../src/node/out/replies.ts";
import { decodeFrame, MAX_BODY_BYTES, rootBytes, rootOf } from "../../src/wire/mod.ts";
import { Cluster } from "./_cluster.ts";

const cluster = "cd".repeat(32) as Digest;
const { privateKey, publicKey } = generateKeyPair();

function replyTo(request: number, size = 3): Reply {
  const results = [{ sequence: 7 as never, status: "ok" as const, value: new Uint8Array(size) }];
  const digest = request.toString(16).padStart(64, "0") as Digest;
  return { kind: "reply", replica: 1 as ReplicaId, view: 0 as View, request: digest, results };
}

function counting() {
  const inner = createSigner(privateKey, cluster);
  const kinds: string[] = [];
  const signer = {
    publicKey,
    sign: (...[kind, bytes]: Parameters<typeof inner.sign>) => (kinds.push(kind), inner.sign(kind, bytes)),
  };
  return { kinds, signing: { signer, hash: sha256 } };
}

function isSigned(frame: Uint8Array): boolean {
  const { signed: { bytes, signature }, path } = decodeFrame(frame);
  const verifier = createVerifier(cluster);
  if (!path) return verifier.verify(publicKey, "reply", bytes, signature);
  // The signature of a root is none of a reply.
  assertEquals(verifier.verify(publicKey, "reply", bytes, signature), false);
  return verifier.verify(publicKey, "replies", rootBytes(rootOf(bytes, path, sha256)), signature);
}

Deno.test("many replies take one signature, and each is verified without the others; one alone has its own", () => {
  for (const [count, signatures] of [[1, ["reply"]], [2, ["replies"]], [100, ["replies"]]] as const) {
    const { kinds, signing } = counting();
    const replies = Array.from({ length: count }, (_, i) => replyTo(i));
    const frames = signTogether(replies, signing);
    assertEquals(kinds, [...signatures]);
    assert(frames.every((frame) => isSigned(frame!)));
    assertEquals(frames.map((frame) => decodeFrame(frame!).signed.message), replies);
  }
});

Deno.test("more replies than a tree holds take another signature, and one that is too long has none", () => {
  const { kinds, signing } = counting();
  const replies = Array.from({ length: 1_026 }, (_, i) => replyTo(i, i === 4 ? MAX_BODY_BYTES : 3));
  const frames = signTogether(replies, signing);
  assertEquals(kinds, ["replies", "reply"]);
  assertEquals([frames.length, frames.indexOf(null), frames.filter((frame) => frame === null).length], [1_026, 4, 1]);
  assert(frames.every((frame) => frame === null || isSigned(frame)));
});

Deno.test("callers that take paths share a signature, and those that do not get replies with one of their own", async () => {
  const nodes = await Cluster.open();
  const authors = [9, 10, 11, 12].map((key) => nodes.author(key));
  const frames = authors.map((author) => author.frame(author.request()));
  const answers = frames.map((frame, i) => nodes.node(0).submit(frame, { acceptsPaths: i < 3 }));
  // The same request from two callers, of which one does not take paths.
  answers.push(nodes.node(0).submit(frames[0]!));
  await nodes.timer.advance(500);
  const paths = (await Promise.all(answers)).map((answer) => decodeFrame(answer as Uint8Array).path !== undefined);
  assertEquals(paths, [false, true, true, false, false]);
  await nodes.close();
});
