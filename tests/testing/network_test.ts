import { assertEquals } from "@std/assert";
import { replicaId } from "../../src/core/messages/ids.ts";
import { Engine } from "../../src/testing/world/engine.ts";
import { Network, type Station } from "../../src/testing/world/network.ts";
import { Random } from "../../src/testing/random.ts";

const habits = {
  ...{ minLatencyMs: 1, meanLatencyMs: 1, mostLatencyMs: 5 },
  ...{ loss: 0, duplication: 0, reordering: 0, lateness: 0, cutting: 0, dawdling: 0 },
};

function station(id: number, isBusy = false): Station {
  const nothing = () => Promise.resolve(null);
  const asked = {
    submit: nothing,
    query: nothing,
    vouch: nothing,
    asMember: null,
  };
  return { replica: replicaId(id), isUp: true, isBusy, receive: nothing, ...asked };
}

Deno.test("a request goes to an idle instance, and to a busy one if both are busy", () => {
  const network = new Network(new Engine(), new Random(1), habits);
  const [idle, busy, other] = [station(1), station(1, true), station(2, true)];
  for (const each of [busy, idle, other]) network.add(each);
  for (let i = 0; i < 20; i++) assertEquals(network.route(null, replicaId(1)), idle);
  assertEquals(network.route(null, replicaId(2)), other);
});
