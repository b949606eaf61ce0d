/** Real replicas, and real connections between them on which WebSockets stop delivering from one moment to the next. */
import { assert, assertEquals } from "@std/assert";
import { Client } from "../../src/client/mod.ts";
import { DEFAULT_LIMITS } from "../../src/core/config.ts";
import { generateKeyPair } from "../../src/crypto/mod.ts";
import type { HostEvent } from "../../src/node/host_event.ts";
import { serve } from "../../src/runtime/deno.ts";
import { MemoryStore } from "../../src/stores/memory.ts";

/** Passes connections on; those that asked for a WebSocket say nothing more in either direction once it swallows. */
class Proxy {
  swallows = false;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #open = new Set<Deno.TcpConn>();
  readonly #running: Promise<unknown>[] = [];
  target = 0;

  constructor() {
    this.#running.push(this.#accept());
  }

  get url(): string {
    return `http://127.0.0.1:${this.#listener.addr.port}`;
  }

  async close(): Promise<void> {
    this.#listener.close();
    for (const connection of this.#open) end(connection);
    await Promise.allSettled(this.#running);
  }

  async #accept(): Promise<void> {
    for await (const caller of this.#listener) {
      this.#open.add(caller);
      this.#running.push(this.#pass(caller));
    }
  }

  async #pass(caller: Deno.TcpConn): Promise<void> {
    const server = await Deno.connect({ hostname: "127.0.0.1", port: this.target }).catch(() => null);
    if (!server) return end(caller);
    this.#open.add(server);
    let isSocket = false;
    const pump = async (from: Deno.TcpConn, to: Deno.TcpConn, look: boolean) => {
      const buffer = new Uint8Array(64 * 1024);
      let isFirst = look;
      try {
        for (let read = await from.read(buffer); read !== null; read = await from.read(buffer)) {
          const chunk = buffer.subarray(0, read);
          if (isFirst) isSocket = /upgrade: websocket/i.test(new TextDecoder().decode(chunk));
          isFirst = false;
          if (isSocket && this.swallows) continue;
          for (let at = 0; at < read;) at += await to.write(chunk.subarray(at));
        }
      } catch { /* one of them has gone */ }
      end(from);
      end(to);
    };
    await Promise.all([pump(caller, server, true), pump(server, caller, false)]);
  }
}

function end(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch { /* it has gone already */ }
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!holds()) {
    assert(performance.now() < deadline, `expected within a minute that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

Deno.test("when all WebSockets of a cluster swallow what they take, POST takes over and every request is answered", async () => {
  const names = ["Apple", "Ball", "Candy", "Dog"];
  const keys = names.map(() => generateKeyPair());
  const replicas = names.map((name, i) => ({ name, publicKey: keys[i]!.publicKey }));
  const rules = { checkpointInterval: 64, logWindow: 256, stateMachine: "key-value/1", limits: DEFAULT_LIMITS };
  const genesis = { name: "test", replicas, ...rules };
  const proxies = names.map(() => new Proxy());
  const urls = Object.fromEntries(names.map((name, i) => [name, proxies[i]!.url]));
  const troubles: HostEvent[] = [];
  const served = await Promise.all(names.map((self, i) =>
    serve({
      cluster: { genesis, urls },
      self,
      privateKey: keys[i]!.privateKey,
      store: new MemoryStore(),
      hostname: "127.0.0.1",
      port: 0,
      observers: [{ onHostEvent: (trouble) => void troubles.push(trouble) }],
    })
  ));
  served.forEach(({ url }, i) => proxies[i]!.target = Number(new URL(url).port));
  const links = () => served.flatMap(({ node }) => node.status().outboxes.map(({ link }) => link!));
  const client = new Client({
    cluster: { genesis, urls: Object.fromEntries(names.map((name, i) => [name, served[i]!.url])) },
  });
  try {
    let count = 0;
    const ask = async () => assertEquals(await client.invoke("INCR n"), ++count);
    await ask();
    await until("all have sockets", () => (links().every(({ isSocketOpen }) => isSocketOpen)));
    for (let i = 0; i < 20; i++) await ask();
    for (const proxy of proxies) proxy.swallows = true;
    for (let i = 0; i < 20; i++) await ask();
    await until("it was noticed", () => links().some(({ socketFailures }) => socketFailures > 0));
    assert(troubles.some(({ kind }) => kind === "socket-failed"));
  } finally {
    client.close();
    await Promise.all(served.map((replica) => replica.close()));
    await Promise.all(proxies.map((proxy) => proxy.close()));
  }
});
