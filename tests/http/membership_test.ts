import { assertEquals } from "@std/assert";
import { replicaId } from "../../src/core/messages/ids.ts";
import { createSharedKeys, importKeyPair } from "../../src/crypto/mod.ts";
import { Freshness } from "../../src/http/peers/freshness.ts";
import { Membership } from "../../src/http/peers/membership.ts";
import { utf8 } from "../../src/wire/mod.ts";
import type { Digest } from "../../src/core/messages/ids.ts";
import { genesisOf, keyPairOf } from "../node/_cluster.ts";

const genesis = genesisOf(4);
const [apple, ball, candy] = [replicaId(0), replicaId(1), replicaId(2)];
const body = utf8("what is sent");

function member(self: number, monotonic = () => 0): Membership {
  const { privateKey } = keyPairOf(self + 1);
  return new Membership({ genesis, self: replicaId(self), privateKey, monotonic });
}

Deno.test("two members derive the same key, and a third another; in another cluster it is another", async () => {
  const [a, b, c] = ["1", "2", "3"].map((digit) => importKeyPair(digit.repeat(64))) as [KeyPair, KeyPair, KeyPair];
  const cluster = "ab".repeat(32) as Digest;
  const other = "ac".repeat(32) as Digest;
  const isCode = async (owner: KeyPair, from: KeyPair, text: string, ...of: [Digest, number?]) =>
    (await createSharedKeys(owner.privateKey, ...of).with(from.publicKey))!.isCode(text, code);
  const code = (await createSharedKeys(a.privateKey, cluster).with(b.publicKey))!.code("text");
  assertEquals(await isCode(b, a, "text", cluster), true);
  assertEquals(await isCode(b, a, "another", cluster), false);
  assertEquals(await isCode(b, c, "text", cluster), false);
  assertEquals(await isCode(c, a, "text", cluster), false);
  assertEquals(await isCode(b, a, "text", other), false);
  assertEquals(await isCode(b, a, "text", cluster, 1), false);
  assertEquals(await createSharedKeys(a.privateKey, cluster).with("0".repeat(64)), undefined);
});

type KeyPair = ReturnType<typeof importKeyPair>;

Deno.test("a member's proof is taken once, by whom it is for, for what it is for", async () => {
  const proof = await member(apple).prove(ball, "deliver", body);
  const receiver = member(ball);
  assertEquals(await member(candy).check(proof, "deliver"), null);
  assertEquals(await receiver.check(proof, "read"), null);
  assertEquals((await receiver.check(proof, "deliver"))?.member, apple);
  assertEquals(await receiver.check(proof, "deliver"), null);
});

Deno.test("a proof of which anything was changed is nobody's", async () => {
  const proof = await member(apple).prove(ball, "deliver", body);
  const [id, stamp, digest, code] = proof.split(" ") as [string, string, string, string];
  const changed = [
    `2 ${stamp} ${digest} ${code}`,
    `1 ${stamp} ${digest} ${code}`,
    `9999 ${stamp} ${digest} ${code}`,
    `${id} ${Number(stamp) + 1} ${digest} ${code}`,
    `${id} ${stamp} ${"0".repeat(64)} ${code}`,
    `${id} ${stamp} ${digest} ${"A".repeat(43)}`,
    `${id} ${stamp} ${digest}`,
    `${id} ${stamp}`,
    "",
  ];
  for (const header of [...changed, null]) {
    assertEquals(await member(ball).check(header, "deliver"), null, String(header));
  }
});

Deno.test("stamps may come in any order, once each, down to what was forgotten", () => {
  const fresh = new Freshness(() => 0);
  const take = (stamp: number, code = String(stamp)) => {
    const isFresh = fresh.mayBe(stamp, code);
    if (isFresh) fresh.note(stamp, code);
    return isFresh;
  };
  assertEquals([take(5), take(3), take(5), take(3), take(4)], [true, true, false, false, true]);
  for (let stamp = 10; stamp < 10 + 8_192; stamp++) take(stamp);
  assertEquals([take(5), take(2), take(9)], [false, false, true]);
});

Deno.test("a clock that was set back is believed anew after a minute without anything fresh", () => {
  let now = 0;
  const fresh = new Freshness(() => now);
  for (let stamp = 1_000; stamp < 1_000 + 9_000; stamp++) fresh.note(stamp, String(stamp));
  assertEquals(fresh.mayBe(1, "a"), false);
  now = 60_001;
  assertEquals(fresh.mayBe(1, "a"), true);
  fresh.note(1, "a");
  assertEquals([fresh.mayBe(1, "a"), fresh.mayBe(2, "b")], [false, true]);
});
