/** `pbft members evidence`, on what served members show: a liar is convicted in its epoch and after it, without a network. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { Digest, ReplicaId, SequenceNumber } from "../../src/core/messages/ids.ts";
import type { Checkpoint } from "../../src/core/messages/messages.ts";
import { clusterId, createSigner } from "../../src/crypto/mod.ts";
import { encodeBundle, encodeFrame, encodeMessage } from "../../src/wire/mod.ts";
import { clusterFile, FOUR, keyOf, until } from "../node/_epochs.ts";
import { json, printed, refused, served } from "./_served.ts";

/** A bundle with two checkpoints that Dog signs, for one number. */
function lies(): Uint8Array<ArrayBuffer> {
  const cluster = clusterId(clusterFile.genesis);
  const signer = createSigner(keyOf("Dog").privateKey, cluster);
  const frames = ["1", "2"].map((digit) => {
    const message: Checkpoint = {
      kind: "checkpoint",
      replica: 3 as ReplicaId,
      sequence: 8 as SequenceNumber,
      digest: digit.repeat(64) as Digest,
    };
    const bytes = encodeMessage(message);
    return encodeFrame({ message, bytes, signature: signer.sign("checkpoint", bytes) });
  });
  return encodeBundle(cluster, frames);
}

Deno.test("evidence that was fetched convicts its signer offline; members show it after the epoch too; check follows the chain", async () => {
  await served([...FOUR, "Eagle"], async (folder, urls) => {
    const at = ["--cluster", `${folder}/cluster.json`];
    const [file, later] = [`${folder}/evidence.json`, `${folder}/later.json`];
    const fetched = async (path: string) => {
      const answer = await (await fetch(`${urls.Apple}/evidence`)).text();
      await Deno.writeTextFile(path, answer);
      return JSON.parse(answer).evidence.length;
    };
    assertEquals(await fetched(file), 0);
    assertEquals(await printed("members", "evidence", file, ...at), { code: 1, text: "no evidence" });
    const headers = { "content-type": "application/cbor" };
    await (await fetch(`${urls.Apple}/messages`, { method: "POST", headers, body: lies() })).body?.cancel();
    await until("Apple has evidence", async () => await fetched(file) === 1);
    const { text, code } = await printed("members", "evidence", file, ...at);
    assertEquals(code, 0);
    const key = keyOf("Dog").publicKey;
    const proven = "proven: Dog signed two checkpoints that contradict each other, in epoch 0, number 8; key ";
    assertEquals(text.split("\n"), [
      `${proven}${key}, which is that of a member in epoch 0`,
      "next: pbft members propose --replace Dog:NEW=PUBLICKEY@URL, or --remove Dog",
    ]);
    const seen = await json("check", `${folder}/cluster.json`, "--evidence");
    assertEquals([seen.verdict, seen.evidence[0].name, seen.evidence[0].shownBy], ["degraded", "Dog", ["Apple"]]);

    const next = `${folder}/next.json`;
    await printed(
      "members",
      "propose",
      next,
      "--replace",
      `Dog:Eagle=${keyOf("Eagle").publicKey}@${urls.Eagle}`,
      ...at,
    );
    for (const name of FOUR.slice(0, 3)) {
      await printed("members", "sign", next, "--key", `${folder}/${name}.key`, ...at);
    }
    assertEquals((await printed("members", "submit", next, ...at)).code, 0);
    await until("Apple shows it in epoch 1", async () => await fetched(later) === 1);
    assertEquals(
      (await json("members", "evidence", later, ...at)).proven.map(
        ({ name, epoch, isMember }: { name: string; epoch: number; isMember: boolean }) => [name, epoch, isMember],
      ),
      [["Dog", 0, false]],
    );
    assertStringIncludes(
      (await printed("members", "evidence", file, ...at)).text,
      `${key}, which is no member's any more in epoch 1`,
    );
    const after = await json("check", `${folder}/cluster.json`, "--evidence");
    assertEquals([after.epoch, after.evidence[0].name, after.evidence[0].epoch], [1, "Dog", 0]);
    assertEquals(after.members.map(({ faults }: { faults: unknown[] }) => faults.length), [0, 0, 0, 0]);

    // Wrong files.
    const item = JSON.parse(await Deno.readTextFile(file)).evidence[0];
    const junk = [null, 7, {}, { ...item, messages: [] }, { ...item, epoch: 1 }, { ...item, epoch: "length" }];
    await Deno.writeTextFile(later, JSON.stringify({ evidence: [...junk, item] }));
    const mixed = await json("members", "evidence", later, ...at);
    assertEquals([mixed.proven.length, mixed.refused], [1, 6]);
    const wrong: readonly [text: string, error: RegExp][] = [
      ["", /^2 .*later\.json: expected evidence, a JSON object/],
      [JSON.stringify([item]), /^2 .*expected evidence, a JSON object/],
      [JSON.stringify({ evidence: {} }), /^2 .*evidence: expected a list, got object[^]*GET \/evidence/],
    ];
    for (const [text, error] of wrong) {
      await Deno.writeTextFile(later, text);
      assertMatch(await refused("members", "evidence", later, ...at), error);
    }
    assertMatch(await refused("members", "evidence", `${folder}/none.json`, ...at), /^2 .*No such file/);
    assertMatch(await refused("members", "evidence", ...at), /^2 evidence: expected a file/);
    const other = { ...clusterFile, genesis: { ...clusterFile.genesis, name: "other" } };
    await Deno.writeTextFile(`${folder}/other.json`, JSON.stringify(other));
    assertEquals((await printed("members", "evidence", file, "--cluster", `${folder}/other.json`)).code, 1);
  });
});
