import { assertEquals } from "@std/assert";
import { Proxies } from "./proxies.ts";

/** Two places with an echo at each, and a connection from the clients' place to the first. */
async function withEcho(
  test: (proxies: Proxies, connect: () => Promise<Deno.TcpConn>) => Promise<void>,
): Promise<void> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const echoes = (async () => {
    for await (const connection of listener) {
      void connection.readable.pipeTo(connection.writable).catch(() => {});
    }
  })();
  const proxies = await Proxies.start([`http://127.0.0.1:${listener.addr.port}`]);
  const port = Number(new URL(proxies.urlsForClients()[0]!).port);
  const opened: Deno.TcpConn[] = [];
  try {
    await test(proxies, async () => {
      const connection = await Deno.connect({ hostname: "127.0.0.1", port });
      opened.push(connection);
      return connection;
    });
  } finally {
    for (const connection of opened) {
      try {
        connection.close();
      } catch { /* the proxy ended it */ }
    }
    await proxies.stop();
    listener.close();
    await echoes;
  }
}

async function say(connection: Deno.TcpConn, text: string): Promise<void> {
  await connection.write(new TextEncoder().encode(text));
}

async function hear(connection: Deno.TcpConn): Promise<string | null> {
  const buffer = new Uint8Array(64);
  const length = await connection.read(buffer).catch(() => null);
  return length === null ? null : new TextDecoder().decode(buffer.subarray(0, length));
}

Deno.test("a link that holds gives all that it held, in order, once it is well", async () => {
  await withEcho(async (proxies, connect) => {
    const connection = await connect();
    await say(connection, "a");
    assertEquals(await hear(connection), "a");
    await proxies.fault([{ from: 1, to: 0, fault: "hold" }]);
    await say(connection, "b");
    const heard = hear(connection);
    assertEquals(await Promise.race([heard, proxies.fault([{ from: 1, to: 0, fault: "hold" }])]), undefined);
    await proxies.fault([]);
    assertEquals(await heard, "b");
  });
});

Deno.test("what is swallowed is lost, and a new connection is well afterwards", async () => {
  await withEcho(async (proxies, connect) => {
    const old = await connect();
    await say(old, "a");
    assertEquals(await hear(old), "a");
    await proxies.fault([{ from: 0, to: 1, fault: "swallow" }]);
    await say(old, "b");
    await old.closeWrite();
    assertEquals(await hear(old), null);
    await proxies.fault([]);
    const fresh = await connect();
    await say(fresh, "c");
    assertEquals(await hear(fresh), "c");
  });
});

Deno.test("a reset ends the connections that are there, and those that come", async () => {
  await withEcho(async (proxies, connect) => {
    const old = await connect();
    await say(old, "a");
    assertEquals(await hear(old), "a");
    await proxies.fault([{ from: 1, to: 0, fault: "reset" }]);
    assertEquals(await hear(old), null);
    assertEquals(await hear(await connect()), null);
  });
});
