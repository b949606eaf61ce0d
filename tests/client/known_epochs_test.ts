import { assertEquals } from "@std/assert";
import { KnownEpochs } from "../../src/client/epochs/known_epochs.ts";
import { clusterFile, FOUR, urlsOf } from "../node/_epochs.ts";

Deno.test("a client asks the replica whose reply is of a later epoch, at once, and others only now and then", async () => {
  const asked: string[] = [];
  let now = 0;
  const timer = { now: () => 0 as never, monotonic: () => now, schedule: () => () => {}, soon: () => {} };
  const epochs = new KnownEpochs({
    cluster: clusterFile,
    chain: [],
    onChain: () => {},
    timer,
    random: () => 1,
    fetch: (url) => {
      asked.push(new URL(String(url)).hostname);
      return Promise.resolve(Response.json({ links: [] }));
    },
  });
  await epochs.present();
  const settled = () => new Promise((resolve) => setTimeout(resolve, 0));
  const urlOf = (name: string) => `${urlsOf(FOUR)[name]}/requests`;
  epochs.doubt();
  epochs.doubt();
  await settled();
  assertEquals(asked.length, 1);
  now += 50;
  epochs.doubt();
  await settled();
  assertEquals(asked.length, 1, "somebody was asked just now");
  epochs.doubt(urlOf("Dog"));
  await settled();
  assertEquals(asked.slice(1), ["dog.example"]);
  // While one is asked, another one says that it is in a later epoch: it is next.
  now += 50;
  epochs.doubt(urlOf("Ball"));
  epochs.doubt(urlOf("Candy"));
  now += 50;
  await settled();
  await settled();
  assertEquals(asked.slice(2), ["ball.example", "candy.example"]);
  // A liar costs at most one question per 20 ms.
  for (let i = 0; i < 100; i++) {
    now += 1;
    epochs.doubt(urlOf("Apple"));
    await settled();
  }
  assertEquals(asked.length, 4 + 5);
  // And every second question goes to another one, so that liars who answer first keep nobody from the chain.
  const latest = asked.slice(4);
  assertEquals(latest.filter((name) => name === "apple.example").length < latest.length, true, `${latest}`);
  for (let i = 0; i < 40; i++) {
    now += 20;
    epochs.doubt(urlOf(FOUR[i % 3]!));
    await settled();
  }
  assertEquals(asked.slice(-30).includes("dog.example"), true, `${asked}`);
});
