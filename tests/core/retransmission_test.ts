import { assert, assertGreater } from "@std/assert";
import { Cluster, TestClient } from "./_cluster.ts";

Deno.test("the status of a replica that is windows behind and fetches a state names no more numbers than one window has", () => {
  const cluster = new Cluster();
  const ada = new TestClient(cluster, 1).open();
  cluster.filter = (from, to) => from !== 3 && to !== 3;
  for (let i = 1; i <= 100; i++) ada.call([`x=${i}`]);
  const stages: number[] = [];
  cluster.filter = (from, _to, message) => {
    if (from === 3 && message.kind === "status") stages.push(message.stages.length);
    return message.kind !== "blobs";
  };
  for (let i = 101; i <= 120; i++) ada.call([`x=${i}`]);
  assert(cluster.host(3).replica!.status().transferring);
  assertGreater(stages.length, 0);
  assert(Math.max(...stages) <= cluster.genesis.logWindow, `${Math.max(...stages)} stages`);
});
