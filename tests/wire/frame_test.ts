import { assert, assertEquals } from "@std/assert";
import type { Signed } from "../../src/core/messages/messages.ts";
import { decodeFrame, encodeFrame, framed } from "../../src/wire/mod.ts";
import { ALL_KINDS, Random } from "./random_messages.ts";

const apart = ({ message, bytes, signature }: Signed): Signed => {
  return { message, bytes: bytes.slice(), signature: signature.slice() };
};

for (const kind of ALL_KINDS) {
  Deno.test(`a ${kind} that lies in a frame is not copied into another one`, () => {
    const random = new Random(7);
    for (let i = 0; i < 200; i++) {
      const signed = apart(random.signed(kind));
      const frame = encodeFrame(signed);
      const within = framed(signed);
      assertEquals(within, signed);
      const [first, second] = [encodeFrame(within), encodeFrame(within)];
      assertEquals([first, second], [frame, frame]);
      if (frame.length > 16 * 1024) continue;
      assert(first.buffer === second.buffer && first.byteOffset === second.byteOffset);
      const decoded = encodeFrame(decodeFrame(frame).signed);
      assert(decoded.buffer === frame.buffer && decoded.byteOffset === frame.byteOffset);
    }
  });
}

Deno.test("a message that only seems to lie in a frame is copied into a new one", () => {
  const signed = apart(new Random(8).signed("commit"));
  const right = encodeFrame(signed);
  for (let at = 0; at < right.length; at++) {
    const wrong = right.slice();
    wrong[at]! ^= 1;
    const end = wrong.length - 64;
    const start = end - 2 - signed.bytes.length;
    const bytes = wrong.subarray(start, end - 2);
    const signature = wrong.subarray(end);
    const isContent = (at >= start && at < end - 2) || at >= end;
    const expected = isContent ? encodeFrame(apart({ ...signed, bytes, signature })) : right;
    assertEquals(encodeFrame({ message: signed.message, bytes, signature }), expected, `byte ${at}`);
  }
});

Deno.test("a small message in a large buffer is copied into a new frame, so that the buffer is not kept", () => {
  const frame = encodeFrame(apart(new Random(9).signed("commit")));
  const large = new Uint8Array(1024 * 1024);
  large.set(frame, 1000);
  const again = encodeFrame(decodeFrame(large.subarray(1000, 1000 + frame.length)).signed);
  assertEquals(again, frame);
  assert(again.buffer.byteLength <= 16 * 1024);
});

Deno.test("encoded bytes are never overwritten by later encodings, at any size", () => {
  const random = new Random(10);
  const made: { readonly frame: Uint8Array; readonly copy: Uint8Array }[] = [];
  for (let i = 0; i < 3000; i++) {
    const frame = encodeFrame(random.signed(ALL_KINDS[i % ALL_KINDS.length]!));
    made.push({ frame, copy: frame.slice() });
    try {
      encodeFrame({ ...random.signed("commit"), signature: new Uint8Array(3) });
    } catch {
      // Half of it was written.
    }
  }
  for (const { frame, copy } of made) assertEquals(frame, copy);
});
