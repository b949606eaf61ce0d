import { assertEquals } from "@std/assert";
import { replicaId } from "../../src/core/messages/ids.ts";
import { createSharedKeys, importKeyPair } from "../../src/crypto/mod.ts";
import { ReplayFilter } from "../../src/http/peers/replay_filter.ts";
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

Deno.test("two members derive the same key, a third member another one, and each cluster its own", async () => {
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

Deno.test("a member's proof is valid once, for one receiver and one purpose", async () => {
  const proof = await member(apple).prove(ball, "deliver", body);
  const receiver = member(ball);
  assertEquals(await member(candy).check(proof, "deliver"), null);
  assertEquals(await receiver.check(proof, "read"), null);
  assertEquals((await receiver.check(proof, "deliver"))?.member, apple);
  assertEquals(await receiver.check(proof, "deliver"), null);
});

Deno.test("a proof with any part changed is invalid", async () => {
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

Deno.test("stamps may arrive in any order, each once, down to the forgotten ones", () => {
  const fresh = new ReplayFilter(() => 0);
  const take = (stamp: number, code = String(stamp)) => {
    const isFresh = fresh.isFresh(stamp, code);
    if (isFresh) fresh.record(stamp, code);
    return isFresh;
  };
  assertEquals([take(5), take(3), take(5), take(3), take(4)], [true, true, false, false, true]);
  for (let stamp = 10; stamp < 10 + 8_192; stamp++) take(stamp);
  assertEquals([take(5), take(2), take(9)], [false, false, true]);
});

Deno.test("a clock that was set back is accepted after a minute without anything fresh", () => {
  let now = 0;
  const fresh = new ReplayFilter(() => now);
  for (let stamp = 1_000; stamp < 1_000 + 9_000; stamp++) fresh.record(stamp, String(stamp));
  assertEquals(fresh.isFresh(1, "a"), false);
  now = 60_001;
  assertEquals(fresh.isFresh(1, "a"), true);
  fresh.record(1, "a");
  assertEquals([fresh.isFresh(1, "a"), fresh.isFresh(2, "b")], [false, true]);
});
