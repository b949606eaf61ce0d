import { assertEquals, assertStringIncludes } from "@std/assert";
import { verifyEvidence } from "../../src/client/mod.ts";
import type { Digest, ReplicaId, SequenceNumber, View } from "../../src/core/messages/ids.ts";
import type { Commit } from "../../src/core/messages/messages.ts";
import { createApp } from "../../src/http/mod.ts";
import { newStatus } from "../../src/testing/drills/peers.ts";
import { Bench, viewRecord } from "../node/_fake_core.ts";
import { Cluster } from "../node/_cluster.ts";
import { harness } from "./helpers.ts";

function commit(digit: string): Commit {
  const digest = digit.repeat(64) as Digest;
  return { kind: "commit", replica: 3 as ReplicaId, view: 0 as View, sequence: 7 as SequenceNumber, digest };
}

Deno.test("/evidence is empty where nobody contradicted itself", async () => {
  const { app } = harness();
  const response = await app.request("/evidence");
  assertEquals([response.status, await response.json()], [200, { evidence: [] }]);
});

Deno.test("a node that receives contradictory messages shows them in /evidence, where anybody can verify them, and counts them", async () => {
  const cluster = await Cluster.open();
  const app = createApp(cluster.node(0), { timer: cluster.timer });
  const dog = cluster.author(4);
  const answers = cluster.node(0).receive([dog.frame(commit("1")), dog.frame(commit("2"))]);
  await cluster.timer.idle();
  assertEquals(await answers, [null, null]);
  const { evidence: [item, ...more] } = await (await app.request("/evidence")).json();
  assertEquals(more, []);
  assertEquals([item.name, item.accused, item.kind, item.view, item.number], ["Dog", 3, "commit", 0, 7]);
  assertEquals(item.messages.map(({ digest }: { digest: string }) => digest[0]), ["1", "2"]);
  assertEquals((await verifyEvidence(cluster, item)).name, "Dog");
  const metrics = await (await app.request("/metrics")).text();
  assertStringIncludes(metrics, 'pbft_evidence_total{kind="commit",replica="Dog"} 1');
  assertEquals((await (await app.request("/status")).json()).evidence, 1);
  await cluster.close();
});

Deno.test("evidence is there after a restart", async () => {
  const bench = await Bench.open((input, environment) => {
    if (input.kind !== "status") return {};
    const [first, second] = ["1", "2"].map((digit) => bench.author(4).sign(commit(digit)));
    const contradiction = { kind: "contradiction", contradiction: { first: first!, second: second! } } as const;
    return {
      records: [contradiction, viewRecord(1)],
      messages: [{ to: "all", message: environment.sign(newStatus(0)) }],
    };
  });
  const answer = bench.node.receive([bench.statusFrame(1)]);
  await bench.timer.idle();
  await answer;
  await bench.node.close();
  await bench.start(() => ({}));
  const [kept] = bench.cores.at(-1)!.storedState.evidence!;
  assertEquals([kept!.first.message, kept!.second.message], [commit("1"), commit("2")]);
  await bench.node.close();
});
