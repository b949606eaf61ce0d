import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type ChangeEvent, Client } from "../../src/client/mod.ts";
import { createWebVerifier, webClusterId } from "../../src/crypto/web.ts";
import { fromHex } from "../../src/wire/mod.ts";
import { Random } from "../../src/testing/mod.ts";
import { WatchedCluster } from "./_watched_cluster.ts";

async function withCluster(act: (cluster: WatchedCluster, connect: () => Client) => Promise<void>, options = {}) {
  const cluster = new WatchedCluster(options);
  const clients: Client[] = [];
  await cluster.startAll();
  try {
    await act(cluster, () => {
      const client = new Client({ cluster: cluster.cluster, fetch: cluster.fetch });
      clients.push(client);
      return client;
    });
  } finally {
    for (const client of clients) client.close();
    await cluster.stopAll();
  }
}

/** The first events of a watch. */
async function first<T>(watch: AsyncIterable<T>, count: number): Promise<T[]> {
  const events: T[] = [];
  for await (const event of watch) if (events.push(event) === count) break;
  return events;
}

const shown = (event: { kind: string }) => {
  if (event.kind !== "change") return event;
  const { key, value } = event as ChangeEvent;
  return `${key}=${value}`;
};

Deno.test("changes of a prefix, a key and batches come in order, with numbers and f + 1 signatures", async () => {
  await withCluster(async (cluster, connect) => {
    const client = connect();
    const prefix = first(client.watch({ prefix: "user/" }, { from: 1 }), 4);
    const key = first(client.watch({ key: "user/b" }, { from: 1 }), 1);
    const batches = first(client.watch({ batches: true }, { from: 1 }), 6);
    for (
      const operation of ["SET user/a 1", "SET other 2", "SET user/b 3", "INCR user/a", "GET user/a", "DEL user/a"]
    ) {
      await client.invoke(operation);
    }
    const changes = await prefix as ChangeEvent[];
    assertEquals(changes.map(shown), ["user/a=1", "user/b=3", "user/a=2", "user/a=null"]);
    assertEquals((await key).map(shown), ["user/b=3"]);
    assertEquals((await batches).map((event) => event.kind === "batch" && event.sequence), [1, 2, 3, 4, 5, 6]);
    const numbers = changes.map(({ sequence }) => sequence);
    assertEquals(numbers, [...numbers].sort((a, b) => a - b));
    const verifier = createWebVerifier(await webClusterId(cluster.genesis));
    for (const { signedBy, votes, sequence, key, value } of changes) {
      assertEquals(new Set(signedBy).size, 2);
      for (const { replica, statement, signature } of votes) {
        const { publicKey } = cluster.genesis.replicas[replica]!;
        assert(await verifier.verify(publicKey, "changes", new TextEncoder().encode(statement), fromHex(signature)));
        const { batches } = JSON.parse(statement) as { batches: [number, [string, string | null][]][] };
        const batch = batches.find(([number]) => number === sequence)!;
        assert(batch[1].some(([k, v]) => k === key && v === value));
      }
    }
    assertThrows(() => client.watch({ key: "a" }, { from: 0 }), RangeError, "from");
  });
});

Deno.test("without from a watch begins in the present, and from a number it goes on there", async () => {
  await withCluster(async (_, connect) => {
    const client = connect();
    for (let i = 0; i < 20; i++) {
      const { sequence } = await client.submit(`SET a old${i}`);
      const watch = client.watch({ prefix: "" });
      assertEquals(watch.resumeAt, null);
      const begun = await watch.begun;
      assert(begun > sequence, `it begins at ${begun}, and ${sequence} was known`);
      await client.invoke(`SET a new${i}`);
      const { value } = await watch.next();
      assertEquals(shown(value!), `a=new${i}`);
      assertEquals(watch.resumeAt, (value as ChangeEvent).sequence + 1);
      assertEquals(await watch.return(), { done: true, value: undefined });
      assertEquals(await watch.next(), { done: true, value: undefined });
    }
    const before = client.watch({ prefix: "" });
    const from = await before.begun;
    await before.return();
    await client.invoke("SET b 1");
    await client.invoke("SET b 2");
    const [one, two] = await first(client.watch({ key: "b" }, { from }), 2);
    assertEquals([shown(one!), shown(two!)], ["b=1", "b=2"]);
  });
});

Deno.test("a position that was stored is given back as it is: before the beginning, while nothing came, and after events", async () => {
  await withCluster(async (_, connect) => {
    const client = connect();
    await client.invoke("SET a 1");
    const stored = (position: number | null): number | null => JSON.parse(JSON.stringify(position));
    const early = client.watch({ key: "a" });
    const nowhere = stored(early.resumeAt);
    assertEquals(nowhere, null);
    const from = await early.begun;
    assertEquals(stored(early.resumeAt), from);
    // Nothing of interest comes, and what the replicas execute is passed over: it need not be kept for the next watch.
    const { sequence } = await client.submit("SET b 1");
    const other = client.watch({ key: "b" }, { from: sequence });
    await other.next();
    for (let tries = 0; tries < 1_000 && early.resumeAt! <= sequence; tries++) await client.query("GET b");
    assert(early.resumeAt! > sequence, `${early.resumeAt} after ${sequence}`);
    await Promise.all([early.return(), other.return()]);
    const again = client.watch({ key: "a" }, { from: stored(early.resumeAt) });
    const fresh = client.watch({ key: "a" }, { from: nowhere });
    assert(await fresh.begun > sequence);
    await client.invoke("SET a 2");
    for (const watch of [again, fresh]) assertEquals(shown((await watch.next()).value!), "a=2");
    await Promise.all([again.return(), fresh.return()]);
  });
});

Deno.test("a watch that is ended while it waits ends at once, whoever ends it", async () => {
  await withCluster(async (_, connect) => {
    const client = connect();
    const ended = new AbortController();
    const watches = [
      client.watch({ key: "a" }),
      client.watch({ key: "a" }, { signal: ended.signal }),
      client.watch({ key: "a" }),
    ];
    await Promise.all(watches.map(({ begun }) => begun));
    const waiting = watches.map((watch) => watch.next());
    await watches[0]!.return();
    ended.abort();
    client.close();
    assertEquals(await Promise.all(waiting), watches.map(() => ({ done: true as const, value: undefined })));
    await assertRejects(() => client.watch({ key: "a" }).begun, DOMException);
  });
});

Deno.test("changes of one batch come one by one, and who stops among them gets the whole batch again", async () => {
  await withCluster(async (_, connect) => {
    const client = connect();
    await client.invoke("SET a 0");
    const watch = client.watch({ prefix: "" });
    await watch.begun;
    await Promise.all(["SET a 1", "SET b 1", "SET c 1"].map((operation) => client.invoke(operation)));
    const [one] = await first(watch, 1) as ChangeEvent[];
    const again = await first(client.watch({ prefix: "" }, { from: watch.resumeAt }), 3) as ChangeEvent[];
    assertEquals(new Set(again.map(shown)), new Set(["a=1", "b=1", "c=1"]));
    assertEquals(shown(again[0]!), shown(one!));
  });
});

Deno.test("who asks for numbers that are gone is told, and what comes then is complete", async () => {
  await withCluster(async (cluster, connect) => {
    const client = connect();
    for (let i = 0; i < 20; i++) await client.invoke(`SET a ${i}`);
    // Replicas that start anew know the batches after their last checkpoint only.
    for (let i = 0; i < 4; i++) {
      await cluster.stop(i);
      await cluster.start(i);
    }
    await client.invoke("SET a last");
    const events = [];
    for await (const event of client.watch({ key: "a" }, { from: 1 })) {
      events.push(event);
      if (event.kind === "change" && event.value === "last") break;
    }
    const [missed, ...changes] = events;
    assert(missed?.kind === "missed" && missed.from === 1, JSON.stringify(missed));
    const numbers = changes.map((event) => event.kind === "change" ? Number.parseInt(event.value!) : -1);
    assertEquals(
      numbers.slice(0, -1),
      Array.from({ length: numbers.length - 1 }, (_, i) => 20 - numbers.length + 1 + i),
    );
  });
});

Deno.test("under chaos every change comes once and in order", async () => {
  await withCluster(async (cluster, connect) => {
    const random = new Random(7);
    const [writer, reader] = [connect(), connect()];
    const total = 200;
    let written = 0;
    const seen: string[] = [];
    const watching = (async () => {
      let from = 1;
      for (let isOver = false; !isOver;) {
        // The reader itself goes away now and then, and comes back.
        const until = seen.length + random.int(20, 100);
        for await (const event of reader.watch({ prefix: "n" }, { from })) {
          if (event.kind === "missed") throw new Error(`missed ${event.from} to ${event.through}`);
          from = event.sequence + 1;
          seen.push(event.value!);
          isOver = seen.length === total;
          if (isOver || seen.length >= until) break;
        }
      }
    })();
    const chaos = (async () => {
      let down = -1;
      while (written < total) {
        const kind = random.int(0, 3);
        if (kind === 0) cluster.cutStreams();
        else if (down >= 0) {
          cluster.cut.clear();
          if (!cluster.isUp(down)) await cluster.start(down);
          down = -1;
        } else {
          down = random.int(0, 3);
          if (random.chance(0.5)) cluster.cut.add(down);
          else await cluster.stop(down);
        }
        await new Promise((resolve) => setTimeout(resolve, random.int(50, 400)));
      }
      cluster.cut.clear();
      if (down >= 0 && !cluster.isUp(down)) await cluster.start(down);
    })();
    // One after another, so that each batch has one change and a reader may stop behind any.
    for (; written < total; written++) await writer.invoke(`SET n${written % 7} ${written}`);
    await chaos;
    await watching;
    assertEquals(seen, Array.from({ length: total }, (_, i) => String(i)));
  }, { checkpointInterval: 64 });
});

Deno.test("a replica whose stream begins at a higher number than is wanted by now is asked again", async () => {
  await withCluster(async (cluster) => {
    const late = Promise.withResolvers<void>();
    const askedAgain = Promise.withResolvers<string>();
    const client = new Client({
      cluster: cluster.cluster,
      fetch: async (input, init) => {
        const url = new URL(String(input));
        if (url.pathname === "/watch" && url.hostname === "replica-0.test") {
          const from = url.searchParams.get("from");
          if (from === null) await late.promise;
          else askedAgain.resolve(from);
        }
        return await cluster.fetch(input, init);
      },
    });
    const watch = client.watch({ batches: true });
    const begun = await watch.begun;
    for (let i = 0; i < 5; i++) await client.invoke("INCR n");
    late.resolve(); // nobody has read on yet, so at most the first is no longer wanted
    const again = Number(await askedAgain.promise);
    assert(again >= begun && again <= begun + 1, `${again}, begun at ${begun}`);
    const events = await first(watch, 5);
    assertEquals(
      events.map((event) => event.kind === "batch" && event.sequence),
      [0, 1, 2, 3, 4].map((i) => begun + i),
    );
    client.close();
  });
});
