/** HTTP/2 on a real port of Deno: a stranger who reads no answers. */
import { assert, assertEquals } from "@std/assert";
import { Hono } from "hono";
import { refuseHttp2 } from "../../src/http/connections/http2.ts";
import { eventually } from "../tools/eventually.ts";
import { RawConnection } from "./raw_connection.ts";
import { serveOne } from "./served.ts";

const HEADERS = 1;
const SETTINGS = 4;
const END_STREAM = 1;
const END_HEADERS = 4;

function frame(type: number, flags: number, stream: number, payload: Uint8Array): Uint8Array {
  const { length } = payload;
  return Uint8Array.of(0, length >> 8, length & 255, type, flags, 0, 0, stream >> 8, stream & 255, ...payload);
}

/** A header in HPACK: a literal that is not indexed, without Huffman's code. */
function literal(name: string, value: string): Uint8Array {
  const [a, b] = [name, value].map((text) => new TextEncoder().encode(text)) as [Uint8Array, Uint8Array];
  return Uint8Array.of(0, a.length, ...a, b.length, ...b);
}

function get(stream: number, path: string, host: string): Uint8Array {
  const named = { ":method": "GET", ":scheme": "http", ":path": path, ":authority": host, host };
  const block = Object.entries(named).flatMap(([name, value]) => [...literal(name, value)]);
  return frame(HEADERS, END_STREAM | END_HEADERS, stream, Uint8Array.from(block));
}

/** A connection of somebody who lets the server send heads of answers, and nothing of their bodies. */
class Reader implements Disposable {
  readonly #connection: Deno.TcpConn;
  #bytes = new Uint8Array();
  /** Whether the answers that came have a body. */
  readonly answers: boolean[] = [];

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  static async open(url: string): Promise<Reader> {
    const { hostname, port } = new URL(url);
    const reader = new Reader(await Deno.connect({ hostname, port: Number(port) }));
    const noWindow = Uint8Array.of(0, 4, 0, 0, 0, 0);
    await reader.send(new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(SETTINGS, 0, 0, noWindow));
    return reader;
  }

  async send(...parts: readonly Uint8Array[]): Promise<void> {
    const bytes = Uint8Array.from(parts.flatMap((part) => [...part]));
    for (let at = 0; at < bytes.length;) at += await this.#connection.write(bytes.subarray(at));
  }

  /** Reads until so many answers have come. */
  async until(count: number): Promise<void> {
    const buffer = new Uint8Array(16 * 1024);
    while (this.answers.length < count) {
      const read = await this.#connection.read(buffer);
      if (read === null) throw new Error(`the server closed after ${this.answers.length} answers`);
      this.#bytes = Uint8Array.of(...this.#bytes, ...buffer.subarray(0, read));
      for (;;) {
        const [, high = 0, low = 0, type, flags = 0] = this.#bytes;
        const length = 9 + high * 256 + low;
        if (this.#bytes.length < Math.max(9, length)) break;
        if (type === HEADERS) this.answers.push((flags & END_STREAM) === 0);
        this.#bytes = this.#bytes.slice(length);
      }
    }
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }
}

const withBody = (answers: readonly boolean[]) => answers.filter(Boolean).length;

Deno.test("of many requests at once by HTTP/2 few are answered, and the others get an answer of which nothing is kept", async () => {
  await using replica = await serveOne();
  const { host } = new URL(replica.url);
  using reader = await Reader.open(replica.url);
  const streams = Array.from({ length: 100 }, (_, i) => 2 * i + 1);
  await reader.send(...streams.map((stream) => get(stream, "/status", host)));
  await reader.until(100);
  assert(withBody(reader.answers) <= 66, `${withBody(reader.answers)} answers with a body`);
  assertEquals(await (await fetch(`${replica.url}/healthz`)).text(), "alive\n");
});

Deno.test("one request after another by HTTP/2 gets few answers, and of a long one three", async () => {
  await using replica = await serveOne();
  const { host } = new URL(replica.url);
  for (const [path, most] of [["/healthz", 66], ["/openapi.json", 3]] as const) {
    using reader = await Reader.open(replica.url);
    for (let i = 0; i < 80; i++) {
      await reader.send(get(2 * i + 1, path, host));
      await reader.until(i + 1);
    }
    assertEquals(withBody(reader.answers), most, path);
  }
});

Deno.test("HTTP/1.1 has all its answers, also where its port was used before", async () => {
  await using replica = await serveOne();
  const { host } = new URL(replica.url);
  const ask = async (more: string) => {
    using connection = await RawConnection.open(replica.url);
    const statuses: (number | null)[] = [];
    for (let i = 0; i < 90; i++) {
      await connection.send(`GET /healthz HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`);
      statuses.push(await connection.status());
    }
    return statuses.filter((status) => status === 200).length;
  };
  assertEquals(await ask("Connection: keep-alive\r\n"), 90);
  // It goes on after an answer with `connection: close`, as another connection from the same port looks.
  assertEquals(await ask(""), 90);
  for (let i = 0; i < 100; i++) assertEquals(await (await fetch(`${replica.url}/healthz`)).text(), "alive\n");
});

/** An app behind the middleware, the requests on one port, and the time. */
function setUp() {
  const timer = { ms: 0, monotonic: () => timer.ms };
  const waiting: (() => void)[] = [];
  const app = new Hono();
  app.use(refuseHttp2(timer));
  app.get("/slow", async (c) => {
    await new Promise<void>((resolve) => waiting.push(resolve));
    return c.text("slow");
  });
  app.get("/", (c) => c.text("answer"));
  const send = async (headers: Record<string, string>, path: string, port: number, completed: Promise<void>) => {
    const remoteAddr = { hostname: "203.0.113.7", port };
    const request = new Request(`http://a${path}`, { headers: { host: "a", ...headers } });
    return await app.fetch(request, { remoteAddr, completed });
  };
  const ask = async (headers: Record<string, string> = {}, path = "/", port = 1) => {
    const completed = Promise.withResolvers<void>();
    const response = await send(headers, path, port, completed.promise);
    const text = await response.text();
    completed.resolve();
    return `${response.status} ${response.headers.get("connection")} ${text}`;
  };
  /** Asks, and takes no answer. The function that it resolves with ends the connection. */
  const leave = async (path = "/") => {
    const completed = Promise.withResolvers<void>();
    completed.promise.catch(() => {}); // an answer without a body is not waited for
    const { status } = await send({}, path, 1, completed.promise);
    return { status, end: () => completed.reject(new Error("the connection ended")) };
  };
  return { timer, waiting, ask, leave };
}

Deno.test("a port that is used again is not taken for HTTP/2, whatever was asked on it before", async () => {
  const { timer, waiting, ask, leave } = setUp();
  const many = async (count: number) => {
    let last = "";
    for (let i = 0; i < count; i++) last = await ask();
    return last;
  };
  assertEquals(await many(63), "200 null answer");
  assertEquals(await many(100), "200 close answer");
  assertEquals(await ask({}, "/", 2), "200 null answer");
  assertEquals(await ask({ connection: "keep-alive" }), "200 null answer");
  assertEquals(await many(62), "200 null answer");
  assertEquals(await many(4), "200 close answer");
  const { end } = await leave();
  assertEquals(await many(4), "200 close answer");
  end();
  timer.ms += 60_001;
  assertEquals(await many(63), "200 null answer");
  assertEquals(await many(1), "200 close answer");
  const slow = ask({}, "/slow");
  await eventually("the slow one waits", () => waiting.length === 1, 5_000);
  assertEquals(await ask(), "200 close answer");
  waiting[0]!();
  assertEquals(await slow, "200 close slow");
});

Deno.test("who takes no answers has few by HTTP/2, however long the pauses between them", async () => {
  const { timer, ask, leave } = setUp();
  const left = [];
  for (let i = 0; i < 200; i++) {
    left.push(await leave());
    timer.ms += 20_000 * (i % 10);
  }
  assertEquals(left.filter(({ status }) => status === 200).length, 6);
  assertEquals(await ask(), "505 close ");
  for (const { end } of left) end();
  await Promise.resolve();
  assertEquals(await ask(), "200 null answer");
});

Deno.test("a caller that goes before it has its answers ends no replica", async () => {
  await using replica = await serveOne();
  const { host } = new URL(replica.url);
  for (let i = 0; i < 20; i++) {
    using connection = await RawConnection.open(replica.url);
    await connection.send(`GET /openapi.json HTTP/1.1\r\nHost: ${host}\r\n\r\n`.repeat(50));
  }
  for (let i = 0; i < 20; i++) assertEquals(await (await fetch(`${replica.url}/healthz`)).text(), "alive\n");
});

Deno.test("where a server tells no connection, nothing is refused", async () => {
  const app = new Hono();
  app.use(refuseHttp2({ monotonic: () => 0 }));
  app.get("/", (c) => c.text("answer"));
  for (let i = 0; i < 100; i++) {
    const env = [undefined, {}, { remoteAddr: { hostname: "::1" } }, { incoming: { socket: {} } }][i % 4];
    const response = await app.fetch(new Request("http://a/"), env);
    assertEquals([response.status, response.headers.get("connection"), await response.text()], [200, null, "answer"]);
  }
});
