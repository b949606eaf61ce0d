/** Bodies of strangers, on real connections to a served replica. */
import { assert, assertEquals } from "@std/assert";
import { GrowingBuffer } from "../../src/wire/mod.ts";
import { BodyBudget } from "../../src/http/bodies/body_budget.ts";
import { Problem } from "../../src/http/problem.ts";
import { serveOne } from "./served.ts";
import { harness, problemOf } from "./helpers.ts";
import { head, RawConnection } from "./raw_connection.ts";

const CBOR = "Content-Type: application/cbor";
const CHUNKED = "Transfer-Encoding: chunked";
const ROUTES = ["/messages", "/prepare", "/requests", "/queries", "/req", "/nowhere", "/status"];

function typeFor(path: string): string {
  return path === "/req" ? "Content-Type: application/json" : CBOR;
}

function req(timestamp: number): string {
  const body = JSON.stringify({ clientID: "ada", timestamp, operation: "INCR n" });
  return head("/req", typeFor("/req"), `Content-Length: ${body.length}`) + body;
}

Deno.test("announced bodies that never arrive delay nobody, on any route", async () => {
  await using replica = await serveOne();
  using held = new DisposableStack();
  for (const path of ROUTES) {
    for (let i = 0; i < 16; i++) {
      const connection = held.use(await RawConnection.open(replica.url));
      await connection.send(head(path, typeFor(path), `Content-Length: ${path === "/messages" ? 8388608 : 1000}`));
    }
  }
  using honest = await RawConnection.open(replica.url);
  await honest.send(req(1));
  assertEquals(await honest.status(), 200);
});

Deno.test("with too many incomplete bodies the oldest are aborted, and a complete body is served", async () => {
  await using replica = await serveOne();
  using held = new DisposableStack();
  const first = held.use(await RawConnection.open(replica.url));
  await first.send(head("/req", typeFor("/req"), "Content-Length: 1000") + "{");
  for (let i = 0; i < 1_100; i++) {
    const connection = held.use(await RawConnection.open(replica.url));
    await connection.send(head("/req", typeFor("/req"), "Content-Length: 1000") + "{");
  }
  using honest = await RawConnection.open(replica.url);
  await honest.send(req(1));
  assertEquals(await honest.status(), 200);
  assertEquals(await first.status(), 429);
});

for (const path of ROUTES) {
  Deno.test(`one-byte chunks to ${path} cost no memory, and are refused before they cost time`, async () => {
    await using replica = await serveOne();
    const before = Deno.memoryUsage().rss;
    using connection = await RawConnection.open(replica.url);
    await connection.send(head(path, typeFor(path), CHUNKED));
    const status = connection.status();
    const thousand = "1\r\na\r\n".repeat(1_000);
    for (let i = 0; i < 40; i++) if (!await connection.send(thousand)) break;
    await connection.send("0\r\n\r\n");
    const expected = path === "/nowhere" ? 404 : path === "/status" ? 405 : 400;
    // A connection whose body nobody reads may be cut instead.
    assert([expected, null].includes(await status));
    const grown = (Deno.memoryUsage().rss - before) / 2 ** 20;
    assert(grown < 200, `${grown} MiB for 40 KB`);
  });
}

Deno.test("a body past its deadline is freed though its connection stays open", async () => {
  await using replica = await serveOne({ bodyTimeoutMs: 200 });
  using held = new DisposableStack();
  const late: RawConnection[] = [];
  for (let i = 0; i < 8; i++) {
    const connection = held.use(await RawConnection.open(replica.url));
    await connection.send(head("/messages", CBOR, "Content-Length: 8388608"));
    await connection.send(new Uint8Array(1024 * 1024));
    late.push(connection);
  }
  for (const connection of late) assertEquals(await connection.status(), 408);
});

for (const [how, length] of [["with a length", "1000000"], ["without one", null]] as const) {
  Deno.test(`a body ${how} is cancelled at its deadline, so that the host frees its memory`, async () => {
    const { app, timer } = harness({ bodyTimeoutMs: 500 });
    let cancelled = false;
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (controller) => controller.enqueue(new Uint8Array(1_000)),
      cancel: () => void (cancelled = true),
    });
    const headers = { "content-type": "application/cbor", ...(length && { "content-length": length }) };
    const answer = Promise.resolve(app.request("/messages", { method: "POST", headers, body }));
    while (timer.pending === 0) await timer.turn();
    timer.advance(500);
    await problemOf(await answer, 408, "body-timeout");
    assertEquals(cancelled, true);
  });
}

Deno.test("a growing buffer copies what arrives, keeps no chunk, and reports chunks that are too small", () => {
  const buffer = new GrowingBuffer();
  const large = new Uint8Array(40_000).fill(7);
  for (let i = 0; i < 260; i++) buffer.add(large.subarray(i, i + 1));
  assertEquals([buffer.length, buffer.chunks, buffer.hasTinyChunks], [260, 260, false]);
  for (let i = 0; i < 100; i++) buffer.add(large.subarray(i, i + 1));
  assertEquals(buffer.hasTinyChunks, true);
  assertEquals(buffer.take(), new Uint8Array(360).fill(7));
  assert(buffer.take().buffer.byteLength <= 4 * 1024);
});

/** Bodies of a budget, with what became of each. */
function budgetOf(maxBytes: number, maxInProgress: number) {
  const budget = new BodyBudget({ maxBytes, maxInProgress });
  const broken: string[] = [];
  const open = (sender: string | undefined, name: string) => budget.open(sender, () => broken.push(name));
  return { budget, broken, open };
}

Deno.test("when bytes run out, the sender that holds the most loses its oldest body", () => {
  const { budget, broken, open } = budgetOf(1_000, 10);
  open("greedy", "g1").add(400);
  open("greedy", "g2").add(400);
  open("modest", "m1").add(200);
  open("new", "n1").add(300);
  assertEquals([broken, budget.bytes], [["g1"], 900]);
});

Deno.test("when places run out, the sender with the most bodies loses one", () => {
  const { budget, broken, open } = budgetOf(1_000, 3);
  for (const name of ["g1", "g2"]) open("greedy", name);
  open("modest", "m1");
  open("new", "n1");
  assertEquals([broken, budget.inProgress], [["g1"], 3]);
});

Deno.test("complete bodies are never aborted, and a sender with an unknown address makes nobody lose a body", () => {
  const { broken, open } = budgetOf(1_000, 3);
  const whole = open("one", "w");
  whole.add(900);
  whole.end();
  const throws = (act: () => unknown) => {
    try {
      act();
    } catch (error) {
      return error instanceof Problem && error.kind;
    }
  };
  assertEquals(throws(() => open("two", "t").add(200)), "overloaded");
  whole.release();
  open("one", "o").add(900);
  assertEquals(throws(() => open(undefined, "u").add(200)), "overloaded");
  assertEquals(broken, []);
});

Deno.test("a body that breaks off gives back its place and its bytes", () => {
  const { broken, budget, open } = budgetOf(1_000, 2);
  for (const name of ["one", "two", "three"]) {
    const body = open(name, name);
    body.add(900);
    body.release();
    assertEquals([budget.inProgress, budget.bytes], [0, 0]);
  }
  assertEquals(broken, []);
});

Deno.test("a body that was compressed on the way is refused, however it is announced", async () => {
  await using replica = await serveOne();
  const chunks = "2\r\n{}\r\n0\r\n\r\n";
  for (const [encoding, expected] of [["chunked", 400], ["gzip, chunked", 415], ["Chunked", 400]] as const) {
    using connection = await RawConnection.open(replica.url);
    await connection.send(head("/req", "content-type: application/json", `transfer-encoding: ${encoding}`) + chunks);
    assertEquals(await connection.status(), expected, encoding);
  }
});
