import { assertEquals, assertRejects } from "@std/assert";
import { createClient } from "../../src/client/mod.ts";
import { collection, counter, defineMachine, unchecked } from "../../src/machines/typed/mod.ts";
import { WatchedCluster } from "./_watched_cluster.ts";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;
function holds<_ extends true>(): void {}

const notes = defineMachine({
  name: "notes",
  version: 1,
  state: {
    notes: collection(unchecked<{ text: string }>(), { key: unchecked<readonly [user: string, number: number]>() }),
    next: counter(),
  },
  operations: {
    write: {
      input: unchecked<{ user: string; text: string }>(),
      run: ({ notes, next }, { user, text }) => notes.set([user, next.next()], { text }),
    },
    wipe: {
      input: unchecked<string>(),
      run({ notes }, user) {
        for (const [key] of notes.range({ prefix: [user] })) notes.delete(key);
      },
    },
    fail: {
      run({ notes }): void {
        notes.set(["ada", 0], { text: "never" });
        throw new Error("a bug");
      },
    },
  },
});

Deno.test("a typed client watches a collection with its keys and values; what was rejected is no change", async () => {
  const cluster = new WatchedCluster({ version: notes.version, machine: notes });
  await cluster.startAll();
  const client = createClient(notes, { cluster: cluster.cluster, fetch: cluster.fetch });
  try {
    const watching = (async () => {
      const seen = [];
      for await (const event of client.watch("notes", { from: 1, prefix: ["ada"] })) {
        if (event.kind === "missed") throw new Error("missed");
        holds<Same<typeof event.key, readonly [user: string, number: number]>>();
        holds<Same<typeof event.value, { text: string } | undefined>>();
        seen.push([event.key, event.value]);
        if (seen.length === 4) break;
      }
      return seen;
    })();
    await client.write({ user: "ada", text: "one" });
    await client.write({ user: "eve", text: "two" });
    await assertRejects(() => client.fail());
    await client.write({ user: "ada", text: "three" });
    await client.wipe("ada");
    assertEquals(await watching, [
      [["ada", 1], { text: "one" }],
      [["ada", 3], { text: "three" }],
      [["ada", 1], undefined],
      [["ada", 3], undefined],
    ]);
    const wrong = () => {
      // @ts-expect-error A counter is no collection.
      client.watch("next");
      // @ts-expect-error There is no such collection.
      client.watch("other");
    };
    assertEquals(typeof wrong, "function");
  } finally {
    client.close();
    await cluster.stopAll();
  }
});
