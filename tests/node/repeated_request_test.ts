/** What was executed, and is asked for once more at another gateway. */
import { assert, assertEquals } from "@std/assert";
import { utf8 } from "../../src/wire/mod.ts";
import type { GatewayAnswer } from "../../src/node/gateway/gateway_operations.ts";
import type { Rejection } from "../../src/node/ports.ts";
import { Cluster, texts } from "./_cluster.ts";

const resultsOf = (answer: GatewayAnswer | Rejection) => "reason" in answer ? [answer.reason] : texts(answer.results);

Deno.test("what was executed is answered in a round trip by every other gateway, with the word of f + 1 replicas", async () => {
  const cluster = await Cluster.open();
  const operations = [{ name: "ada", timestamp: 1, operation: utf8("INCR n") }];
  const first = cluster.node(1).vouch(operations);
  await cluster.timer.advance(500);
  assertEquals(resultsOf(await first), ["ok 1"]);
  for (const gateway of [0, 2, 3]) {
    const asked = cluster.timer.now();
    let answeredAt = Infinity;
    const again = cluster.node(gateway).vouch(operations).finally(() => answeredAt = cluster.timer.now());
    for (let i = 0; i < 200 && answeredAt === Infinity; i++) await cluster.timer.advance(10);
    assertEquals(resultsOf(await again), ["ok 1"]);
    assert(answeredAt - asked <= 100, `gateway ${gateway}: ${answeredAt - asked} ms`);
  }
  await cluster.close();
});
