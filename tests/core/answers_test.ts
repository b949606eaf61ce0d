/** Outcomes of requests that wait are looked up when they can have changed, and not in each step. */
import { assertEquals } from "@std/assert";
import type { Millis } from "../../src/core/messages/ids.ts";
import { TestClient } from "./_client.ts";
import { Cluster } from "./_cluster.ts";
import { ClientTable } from "../../src/core/clients/client_table.ts";

Deno.test("while a replica suspects its primary, a step looks at no request that waits, however many do", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  for (const id of [0, 2, 3]) cluster.crash(id); // nobody follows
  const { lookup } = ClientTable.prototype;
  let lookups = 0;
  ClientTable.prototype.lookup = function (...args) {
    lookups++;
    return lookup.apply(this, args);
  };
  try {
    for (let i = 0; i < 100; i++) cluster.submit(ada.request(["x=1"]), [1]);
    assertEquals(lookups, 100);
    cluster.runFor(10_000);
    assertEquals(cluster.events.filter(({ event }) => event.kind === "suspicion").length, 1);
    lookups = 0;
    for (let i = 0; i < 50; i++) cluster.host(1).replica!.step({ kind: "alarm" }, cluster.now as Millis);
    assertEquals(lookups, 0);
  } finally {
    ClientTable.prototype.lookup = lookup;
  }
});
