/** Snapshots at intervals. */
import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import type { HostEvent } from "../../src/node/host_event.ts";
import { scheduleSnapshots } from "../../src/snapshot/schedule.ts";
import { manifestKeys } from "../../src/snapshot/storage/storage.ts";
import { verifySnapshot } from "../../src/snapshot/verify.ts";
import { utf8 } from "../../src/wire/mod.ts";
import { Cluster } from "../node/_cluster.ts";
import { Bucket } from "./_bucket.ts";

async function scheduled(keep?: number) {
  const cluster = await Cluster.open();
  const storage = new Bucket();
  const events: HostEvent[] = [];
  const stop = new AbortController();
  const { timer } = cluster;
  scheduleSnapshots(cluster.node(1), { storage, everyMs: 60_000, ...(keep !== undefined && { keep }) }, {
    timer,
    signal: stop.signal,
    report: (event) => void events.push(event),
  });
  let timestamp = 0;
  const write = async (times: number) => {
    for (let i = 0; i < times; i++) {
      const written = cluster.node(0).vouch([{ name: "ada", timestamp: ++timestamp, operation: utf8("INCR n") }]);
      await timer.advance(50);
      await written;
    }
    await timer.advance(500);
  };
  const close = async () => {
    stop.abort();
    await cluster.close();
  };
  return { cluster, timer, storage, events, write, stop, close };
}

Deno.test("a snapshot is saved at each interval in which something was ordered, and the newest are kept", async () => {
  const { timer, storage, events, write, close } = await scheduled(2);
  await timer.advance(70_000);
  assertEquals(events, []);
  for (let round = 0; round < 4; round++) {
    await write(4);
    await timer.advance(60_000);
  }
  assertEquals(events.map(({ kind }) => kind), new Array(4).fill("snapshot-saved"));
  assertEquals((await manifestKeys(storage)).length, 2);
  assertEquals((await verifySnapshot(storage)).sequence as number, 16);
  await timer.advance(180_000);
  assertEquals(events.length, 4);
  await close();
});

Deno.test("a failure is reported, and the next snapshot is saved at its time", async () => {
  const { timer, storage, events, write, close } = await scheduled();
  await write(4);
  storage.isFull = true;
  await timer.advance(60_000);
  assertEquals(events.map(({ kind }) => kind), ["snapshot-failed"]);
  assertMatch((events[0] as Extract<HostEvent, { kind: "snapshot-failed" }>).reason, /no room/);
  storage.isFull = false;
  await timer.advance(60_000);
  assertEquals(events.map(({ kind }) => kind), ["snapshot-failed", "snapshot-saved"]);
  await verifySnapshot(storage);
  await close();
});

Deno.test("nothing is saved after the stop", async () => {
  const { timer, storage, write, stop, close } = await scheduled();
  await write(4);
  stop.abort();
  await timer.advance(200_000);
  assertEquals(storage.values.size, 0);
  await close();
});

Deno.test("a wrong schedule is refused with its field", async () => {
  const { cluster, timer, storage, close } = await scheduled();
  const rest = { timer, signal: new AbortController().signal, report: () => {} };
  for (
    const [schedule, field] of [
      [{ everyMs: 0 }, "snapshots.everyMs"],
      [{ everyMs: NaN }, "snapshots.everyMs"],
      [{ everyMs: 60_000, keep: 0 }, "snapshots.keep"],
      [{ everyMs: 60_000, keep: 1.5 }, "snapshots.keep"],
    ] as const
  ) {
    assertThrows(() => scheduleSnapshots(cluster.node(1), { storage, ...schedule }, rest), RangeError, field);
  }
  await close();
});
