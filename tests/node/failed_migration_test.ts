/** A migration that fails at one member only, as for want of memory. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { StateMachines } from "../../src/core/epochs/versions.ts";
import { KeyValue } from "../../src/machines/mod.ts";
import { FOUR, until } from "./_epochs.ts";
import { both, CapitalKeyValue, opened } from "./_versions.ts";

Deno.test("a migration that throws at one member only halts this one, the others go on, and a recovery brings it back", async () => {
  const broken = () => {
    throw new Error("out of memory");
  };
  const throwing: StateMachines = {
    "key-value/1": () => new KeyValue(),
    "key-value/2": { create: () => new CapitalKeyValue(), migrate: { "key-value/1": broken } },
  };
  const { cluster } = await opened((name) => name === "Dog" ? throwing : both);
  for (let i = 1; i <= 20; i++) await cluster.vouch(FOUR[i % 4]!, "a", i, `SET key${i} ${i}`);
  const operation = await cluster.operation(cluster.member("Apple").epoch, { stateMachine: "key-value/2" });
  assert((await cluster.vouch("Ball", "admin", 1, operation)).startsWith("ok"));
  await cluster.reached(1, FOUR);
  assertEquals(await cluster.vouch("Candy", "a", 21, "GET key3"), 'ok "3!"');
  await until("Dog has halted", () => cluster.member("Dog").node?.status().halted !== undefined);
  assertStringIncludes(cluster.node("Dog").status().halted!, "it has diverged");
  // It does not say that it has the state of the epoch, so no removed member stops for its sake.
  assertEquals(cluster.member("Dog").entered(), null);
  await cluster.crash("Dog");
  await cluster.open("Dog", { stateMachine: throwing });
  assertStringIncludes(cluster.node("Dog").status().halted!, "it has diverged", "a restart alone changes nothing");
  await cluster.crash("Dog");
  await cluster.open("Dog", { stateMachine: throwing, start: "recover" });
  await until("Dog has recovered", async () => {
    await cluster.vouch("Candy", "b", Date.now(), "INCR n");
    const { halted, replica } = cluster.node("Dog").status();
    return halted === undefined && replica.lastExecuted > 24 && !replica.recovering;
  });
  await cluster.crash("Ball"); // Dog's vote is needed
  assertEquals(await cluster.vouch("Dog", "a", 22, "GET key4"), 'ok "4!"');
  await cluster.close();
});
