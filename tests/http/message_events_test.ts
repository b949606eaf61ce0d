/** `/events?messages` on a real node: snapshot, numbers, resumption, loss. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { createApp } from "../../src/http/mod.ts";
import type { MessageListener, Seen } from "../../src/node/watching/seen.ts";
import { utf8 } from "../../src/wire/mod.ts";
import { ManualTimer } from "../client/manual_timer.ts";
import { Cluster } from "../node/_cluster.ts";
import { FakeNode } from "./fake_node.ts";

interface SseEvent {
  readonly id: number | null;
  readonly kind: string;
  readonly data: Record<string, unknown>;
}

/** Reads the events that are buffered now. */
class Reading {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #waiting: Promise<ReadableStreamReadResult<Uint8Array>> | null = null;

  constructor(response: Response) {
    this.#reader = response.body!.getReader();
  }

  async take(): Promise<SseEvent[]> {
    let text = "";
    for (;;) {
      this.#waiting ??= this.#reader.read();
      let timer: ReturnType<typeof setTimeout> | undefined;
      const nothing = new Promise<null>((resolve) => timer = setTimeout(resolve, 0, null));
      const chunk = await Promise.race([this.#waiting, nothing]);
      clearTimeout(timer);
      if (chunk === null || chunk.done) break;
      this.#waiting = null;
      text += new TextDecoder().decode(chunk.value);
    }
    return text.split("\n\n").flatMap((block) => {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1];
      const data = field("data");
      return data === undefined ? [] : [{
        id: field("id") === undefined ? null : Number(field("id")),
        kind: field("event")!,
        data: JSON.parse(data),
      }];
    });
  }

  leave(): Promise<void> {
    return this.#reader.cancel();
  }
}

class WatchedNode extends FakeNode {
  readonly listeners = new Set<MessageListener>();

  watch(listener: MessageListener): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  tell(bytes: number): void {
    const seen: Seen = { kind: "sent", to: "all", message: { kind: "commit", bytes, id: "0123456789ab" } };
    for (const listener of this.listeners) listener.onSeen(seen);
  }
}

function watched(options = {}) {
  const node = new WatchedNode();
  const timer = new ManualTimer();
  const app = createApp(node, { timer, ...options });
  const open = async (after?: number, path = "/events?messages") => {
    const headers: HeadersInit = after === undefined ? {} : { "last-event-id": String(after) };
    return new Reading(await app.request(path, { headers }));
  };
  return { node, timer, open };
}

Deno.test("a stream begins with a snapshot and then numbers every event", async () => {
  const { node, open } = watched();
  const reading = await open();
  for (let bytes = 1; bytes <= 3; bytes++) node.tell(bytes);
  const [snapshot, ...events] = await reading.take();
  assertEquals([snapshot!.kind, snapshot!.id], ["snapshot", null]);
  const { members, self, view, primary, quorum, low, high, executed, slots, last } = snapshot!.data;
  assertEquals([members, self, view, primary], [["Apple", "Ball", "Candy", "Dog"], 1, 4, 0]);
  assertEquals([quorum, low, high, executed, last], [3, 128, 384, 130, 0]);
  assertEquals(slots, [{ sequence: 131, stage: "prepared", prepares: 2, commits: 1 }]);
  assertEquals(events.map(({ id, kind }) => [id, kind]), [[1, "sent"], [2, "sent"], [3, "sent"]]);
  await reading.leave();
});

Deno.test("the node is watched while somebody reads messages, and for ten seconds after", async () => {
  const { node, timer, open } = watched();
  const plain = await open(undefined, "/events");
  assertEquals(node.listeners.size, 0);
  const reading = await open();
  assertEquals([...node.listeners].map(({ getsPayloads }) => getsPayloads), [false]);
  await reading.leave();
  timer.advance(9_999);
  assertEquals(node.listeners.size, 1);
  timer.advance(1);
  assertEquals(node.listeners.size, 0);
  await plain.leave();
  const full = watched({ hasEventPayloads: true });
  await full.open();
  assertEquals([...full.node.listeners].map(({ getsPayloads }) => getsPayloads), [true]);
});

Deno.test("a reader that comes back gets what it missed, and how many of that are lost", async () => {
  const { node, open } = watched();
  const reading = await open();
  node.tell(1);
  node.tell(2);
  await reading.leave();
  node.tell(3);
  const again = await open(2);
  assertEquals((await again.take()).map(({ id, kind }) => [id, kind]), [[null, "snapshot"], [3, "sent"]]);
  await again.leave();
  for (let bytes = 4; bytes <= 3_003; bytes++) node.tell(bytes);
  const late = await (await open(3)).take();
  assertEquals([late[1]!.kind, late[1]!.data], ["dropped", { events: 3_000 - 2_048 }]);
  assertEquals([late[2]!.id, late.at(-1)!.id, late.length], [956, 3_003, 2 + 2_048]);
});

Deno.test("a reader that knows a number of an earlier process gets all events of this one", async () => {
  const { node, open } = watched();
  await open();
  node.tell(1);
  assertEquals((await (await open(900)).take()).map(({ id }) => id), [null, 1]);
  for (const nonsense of ["-1", "1e9", "x".repeat(5_000)]) {
    const events = await (await open(nonsense as never)).take();
    assertEquals(events.map(({ kind }) => kind), ["snapshot"]);
  }
});

Deno.test("a slow reader of 20,000 events loses most of them, is told so, and slows nobody", async () => {
  const { node, open } = watched();
  const [slow, fast] = [await open(), await open()];
  await fast.take();
  let got = 0;
  for (let bytes = 1; bytes <= 20_000; bytes++) {
    node.tell(bytes);
    if (bytes % 1_000 === 0) got += (await fast.take()).length;
  }
  assertEquals(got, 20_000);
  const kept = (await slow.take()).filter(({ id }) => id !== null).length;
  assert(kept < 4_200, `${kept} are buffered`);
  node.tell(1);
  const [dropped, next] = await slow.take();
  assertEquals([dropped!.kind, dropped!.data.events, next!.id], ["dropped", 20_000 - kept, 20_001]);
});

Deno.test("readers of messages count among the subscribers", async () => {
  const { open } = watched({ maxSubscribers: 2 });
  await open();
  await open(undefined, "/events");
  assertEquals(await (await open()).take(), []);
});

Deno.test("a real node's messages come with times that have fractions, and names and operations stay hidden", async () => {
  const cluster = await Cluster.open();
  const app = createApp(cluster.node(0), { timer: cluster.timer });
  const reading = new Reading(await app.request("/events?messages"));
  const answer = cluster.node(0).vouch([{ name: "<b>ada</b>", timestamp: 1, operation: utf8("SET secret 42") }]);
  await cluster.timer.advance(200);
  await answer;
  const events = await reading.take();
  const kinds = new Set(events.map(({ kind }) => kind));
  for (const kind of ["snapshot", "taken", "sent", "stage", "replied"]) assert(kinds.has(kind), kind);
  const text = JSON.stringify(events);
  assert(!text.includes("secret") && !text.includes("<b>"));
  for (const { data } of events) assertMatch(String(data.at), /^\d+(\.\d{1,2})?$/);
  await reading.leave();
  await cluster.close();
});
