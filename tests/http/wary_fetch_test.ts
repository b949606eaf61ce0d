/** Deliveries to a member that lies, by real sockets. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { WaryFetch } from "../../src/http/connections/wary_fetch.ts";
import { ManualTimer } from "../node/_manual_timer.ts";
import { eventually } from "../tools/eventually.ts";

const encoder = new TextEncoder();
const INTERIM = encoder.encode("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(100));
/** How a test's timeouts, and no other ends, look. */
const TIMED_OUT = new DOMException("late", "TimeoutError");

/** A member that answers each connection with what a function says, until that says nothing more. */
class Member implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #serving: Promise<void>;
  /** What has come on each connection. */
  readonly requests: string[] = [];
  answer: () => Uint8Array | null = () => null;

  constructor() {
    this.#serving = this.#serve();
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}/messages`;
  }

  async #serve(): Promise<void> {
    const running: Promise<void>[] = [];
    for await (const connection of this.#listener) running.push(this.#talk(connection).catch(() => {}));
    await Promise.all(running);
  }

  async #talk(connection: Deno.Conn): Promise<void> {
    using _ = connection;
    const at = this.requests.push("") - 1;
    const buffer = new Uint8Array(4_096);
    while (!this.requests[at]!.endsWith("frames")) {
      const count = await connection.read(buffer);
      if (count === null) return;
      this.requests[at] += new TextDecoder().decode(buffer.subarray(0, count));
    }
    const { answer } = this;
    for (let next = answer(); next; next = answer()) await connection.write(next);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#serving;
  }
}

function once(text: string): () => Uint8Array | null {
  const parts = [encoder.encode(text)];
  return () => parts.shift() ?? null;
}

function setUp(member: Member) {
  const timer = new ManualTimer();
  let fetched = 0;
  const { deliver: post, ask } = new WaryFetch({
    fetch: (...args) => {
      fetched++;
      return fetch(...args);
    },
    connect: ({ hostname, port }) => Deno.connect({ hostname, port: Number(port) }),
    isDirect: () => true,
    timer,
  });
  const headers = { "content-type": "application/cbor" };
  const deliver = (signal?: AbortSignal) =>
    post(member.url, { method: "POST", headers, body: encoder.encode("frames"), ...(signal && { signal }) });
  const question = (signal?: AbortSignal) => ask(new URL("/epochs", member.url), { ...(signal && { signal }) });
  return { timer, deliver, ask: question, fetched: () => fetched };
}

/** Has a delivery time out. */
async function beLate(member: Member, deliver: (signal: AbortSignal) => Promise<Response>): Promise<void> {
  const controller = new AbortController();
  member.answer = () => {
    controller.abort(TIMED_OUT);
    return null;
  };
  const before = member.requests.length;
  await assertRejects(() => deliver(controller.signal));
  await eventually("the member was asked", () => member.requests.length > before, 5_000);
}

Deno.test("a member that was late is asked on connections of their own, of which interim answers without end take little", async () => {
  await using member = new Member();
  const { timer, deliver, fetched } = setUp(member);
  member.answer = once("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  const first = await deliver();
  assertEquals([first.status, await first.text(), fetched()], [202, "", 1]);
  await beLate(member, deliver);
  assertEquals(fetched(), 2);
  let sent = 0;
  member.answer = () => (sent++, INTERIM);
  await assertRejects(() => deliver(), TypeError, "interim");
  assertEquals(fetched(), 2);
  member.answer = once(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 202 Accepted\r\n\r\n`);
  const { status } = await deliver();
  const [head = "", body] = member.requests.at(-1)!.split("\r\n\r\n");
  assertEquals([status, body, fetched()], [202, "frames", 2]);
  assert(head.startsWith("POST /messages HTTP/1.1\r\n"), head);
  for (const line of ["content-length: 6", "content-type: application/cbor", `host: ${new URL(member.url).host}`]) {
    assert(head.includes(line), `${line} in ${head}`);
  }
  timer.sleep(3_600_000);
  member.answer = once("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  await (await deliver()).text();
  assertEquals(fetched(), 3);
});

Deno.test("who is late once is asked in the usual way again after seconds, and who is late again and again after an hour", async () => {
  await using member = new Member();
  const { timer, deliver, fetched } = setUp(member);
  const pauses: number[] = [];
  for (let times = 0; times < 12; times++) {
    await beLate(member, deliver);
    const before = fetched();
    let ms = 0;
    for (; fetched() === before; ms += 10_000) {
      timer.sleep(10_000);
      member.answer = once("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
      await (await deliver()).text();
    }
    pauses.push(ms / 1_000);
    if (times === 10) timer.sleep(3_600_000);
  }
  assertEquals(pauses, [10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 3_600, 3_600, 10]);
});

Deno.test("what a late member answers is read up to a status, within bounds, and until the time is over", async () => {
  await using member = new Member();
  const { deliver, fetched } = setUp(member);
  await beLate(member, deliver);
  const headers = encoder.encode(`X: ${"a".repeat(8_000)}\r\n`);
  for (const [answer, message] of [[() => headers, "16384 bytes"], [once("HTTP/1.1 2"), "the end"]] as const) {
    member.answer = answer;
    await assertRejects(() => deliver(), TypeError, message);
  }
  await beLate(member, deliver);
  assertEquals(fetched(), 1);
});

Deno.test("a delivery that fails otherwise, or is aborted as the host stops, makes nobody late", async () => {
  await using member = new Member();
  const { deliver, fetched } = setUp(member);
  await assertRejects(() => deliver()); // the end of the connection
  await assertRejects(() => deliver(AbortSignal.abort(new DOMException("the node is closing", "AbortError"))));
  await assertRejects(() => deliver());
  assertEquals(fetched(), 3);
});

Deno.test("a request that holds up the thread is given up after a second, and one that is only slow is not", async () => {
  const timer = new ManualTimer();
  const ended: string[] = [];
  const { ask, deliver } = new WaryFetch({
    fetch: (_, init) =>
      new Promise((_, reject) => init!.signal!.addEventListener("abort", () => reject(init!.signal!.reason))),
    connect: () => Promise.reject(new Error("connected")),
    isDirect: (url) => !url.includes("proxied"),
    timer,
  });
  const begin = (name: string, request: typeof fetch, host = "a.test") =>
    void request(`http://${host}/`).catch(({ message }) => ended.push(`${name}: ${message}`));
  begin("slow", deliver);
  await timer.advance(60_000);
  assertEquals(ended, []);
  begin("proxied", deliver, "proxied.test");
  begin("question", ask, "b.test");
  // Each alarm fires a quarter of a second late.
  for (let late = 0; late < 8; late++) {
    timer.sleep(250);
    await timer.advance(50);
  }
  assertEquals(ended.toSorted(), ["question: the thread was held up", "slow: the thread was held up"]);
  begin("next", deliver);
  await timer.idle();
  assertEquals(ended.slice(2), ["next: connected"]);
});

Deno.test("who sends interim answers without end is not asked in the usual way for an hour", async () => {
  await using member = new Member();
  const { timer, deliver, fetched } = setUp(member);
  await beLate(member, deliver);
  member.answer = () => INTERIM;
  await assertRejects(() => deliver(), TypeError, "interim");
  timer.sleep(3_590_000);
  await assertRejects(() => deliver(), TypeError, "interim");
  assertEquals(fetched(), 1);
});

Deno.test("a late answer makes a member late for deliveries, too, and it is still asked: this host may have been cut off", async () => {
  await using member = new Member();
  const { timer, deliver, ask, fetched } = setUp(member);
  await assertRejects(() => ask(AbortSignal.abort(TIMED_OUT)));
  assertEquals(fetched(), 1);
  member.answer = once("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  assertEquals([(await deliver()).status, fetched()], [202, 1]);
  await assertRejects(() => ask(AbortSignal.abort(TIMED_OUT)));
  assertEquals(fetched(), 2);
  timer.sleep(10_000);
  await assertRejects(() => ask(AbortSignal.abort(new DOMException("the node is closing", "AbortError"))));
  assertEquals(fetched(), 3);
});

Deno.test("a member during whose request the thread was held up is asked nothing for a while, a minute at most", async () => {
  const timer = new ManualTimer();
  let fetched = 0;
  const { ask } = new WaryFetch({
    fetch: (_, init) => {
      fetched++;
      return new Promise((_, reject) => init!.signal!.addEventListener("abort", () => reject(init!.signal!.reason)));
    },
    connect: () => Promise.reject(new Error("connected")),
    isDirect: () => true,
    timer,
  });
  const holdUp = async () => {
    const asked = assertRejects(() => ask("http://a.test/"), DOMException, "held up");
    for (let late = 0; late < 8; late++) {
      timer.sleep(250);
      await timer.advance(50);
    }
    await asked;
  };
  for (const [time, unaskedMs] of [10_000, 20_000, 40_000, 60_000, 60_000].entries()) {
    await holdUp();
    await assertRejects(() => ask("http://a.test/"), TypeError, "asks it nothing");
    assertEquals(fetched, time + 1);
    await timer.advance(unaskedMs);
  }
});
