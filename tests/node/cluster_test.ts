import { assert, assertEquals } from "@std/assert";
import { utf8 } from "../../src/wire/mod.ts";
import type { VouchedOperation } from "../../src/core/messages.ts";
import { Cluster, resultsIn, texts } from "./_cluster.ts";

function operation(name: string, timestamp: number, text: string): VouchedOperation {
  return { name, timestamp, operation: utf8(text) };
}

/** Has one operation ordered by way of a node, and gives its result as text. */
async function vouch(cluster: Cluster, gateway: number, op: VouchedOperation, waitMs = 0): Promise<string> {
  const answer = cluster.node(gateway).vouch([op]);
  await cluster.timer.advance(waitMs);
  const settled = await answer;
  if ("reason" in settled) return `${settled.reason}: ${settled.detail}`;
  return texts(settled.results)[0]!;
}

Deno.test("four nodes order what unsigned clients ask of any of them", async () => {
  const cluster = await Cluster.open();
  for (const [i, id] of cluster.ids.entries()) {
    assertEquals(await vouch(cluster, id, operation("ada", i, "INCR n")), `ok ${i + 1}`);
  }
  await cluster.timer.advance(10);
  const states = cluster.ids.map((id) => cluster.node(id).status().replica);
  assertEquals(new Set(states.map(({ history }) => history)).size, 1);
  assertEquals(states.map(({ lastExecuted }) => lastExecuted as number), [4, 4, 4, 4]);
  await cluster.close();
});

Deno.test("a signed client opens a session and gets each replica's signed reply", async () => {
  const cluster = await Cluster.open();
  const client = cluster.author(9);
  const opened = cluster.ids.map((id) => cluster.node(id).submit(client.frame(client.request())));
  await cluster.timer.advance(1_000);
  const sessions = (await Promise.all(opened)).map((answer) => resultsIn(answer)[0]!);
  assertEquals(new Set(sessions).size, 1);
  const session = Number(sessions[0]!.replace("ok ", ""));
  const request = client.frame(client.request({ session, operations: ["SET name Ada", "GET name"] }));
  const answers = cluster.ids.map((id) => cluster.node(id).submit(request));
  await cluster.timer.idle();
  for (const answer of await Promise.all(answers)) assertEquals(resultsIn(answer)[1], 'ok "Ada"');
  await cluster.close();
});
