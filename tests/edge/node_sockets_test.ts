/** Replicas under Node and one under Deno, with WebSockets between them. */
import { assert, assertEquals } from "@std/assert";
import { Client } from "../../src/client/mod.ts";
import { DEFAULT_LIMITS, type Genesis } from "../../src/core/config.ts";
import { type ReplicaId, replicaId } from "../../src/core/messages/ids.ts";
import { generateKeyPair } from "../../src/crypto/mod.ts";
import { MEMBER_HEADER, Membership } from "../../src/http/mod.ts";
import { MAX_SOCKET_BYTES } from "../../src/http/peers/peer_socket.ts";
import { serve } from "../../src/runtime/deno.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { head, RawConnection } from "../http/raw_connection.ts";
import { freePorts } from "../tools/ports.ts";
import { bundleForNode } from "./_bundle.ts";
import { firstLine } from "./_first_line.ts";

const NAMES = ["Apple", "Ball", "Candy", "Dog"];
const DEADLINE_MS = 60_000;
const UPGRADE = [
  "Host: 127.0.0.1",
  "Upgrade: websocket",
  "Connection: Upgrade",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

function newCluster() {
  const keys = NAMES.map(() => generateKeyPair());
  const genesis: Genesis = {
    name: "test",
    replicas: NAMES.map((name, i) => ({ name, publicKey: keys[i]!.publicKey })),
    checkpointInterval: 16,
    logWindow: 32,
    stateMachine: "key-value/1",
    limits: DEFAULT_LIMITS,
  };
  const ports = freePorts(NAMES.length);
  const urls = Object.fromEntries(NAMES.map((name, i) => [name, `http://127.0.0.1:${ports[i]}`]));
  return { cluster: { genesis, urls }, privateKeys: keys.map(({ privateKey }) => privateKey) };
}

/** Sockets that each replica has open to the others. */
async function openSockets(urls: readonly string[]): Promise<number[]> {
  const texts = await Promise.all(urls.map(async (url) => await (await fetch(`${url}/metrics`)).text()));
  return texts.map((text) => [...text.matchAll(/^pbft_socket_open\{.*\} 1$/gm)].length);
}

/** The code with which the other side closes a member's socket after this message. */
async function closedWith(url: string, proof: string, message: string | Uint8Array<ArrayBuffer>): Promise<number> {
  const socket = new WebSocket(
    `${url.replace("http", "ws")}/messages`,
    { headers: { [MEMBER_HEADER]: proof } } as never,
  );
  return await new Promise((resolve) => {
    socket.onopen = () => socket.send(message);
    socket.onclose = ({ code }) => resolve(code);
  });
}

Deno.test({
  name: "replicas under Node and Deno have sockets in both directions, and refuse bad ones; the processes end",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const { cluster, privateKeys } = newCluster();
    const urls = NAMES.map((name) => cluster.urls[name]!);
    const folder = await Deno.makeTempDir();
    await Deno.writeTextFile(`${folder}/main.mjs`, await bundleForNode("tests/edge/_node_sockets_main.ts"));
    const keys = Object.fromEntries(NAMES.slice(0, 3).map((name, i) => [name, privateKeys[i]]));
    const args = [`${folder}/main.mjs`, JSON.stringify({ cluster, keys })];
    const child = new Deno.Command("node", { args, stdin: "piped", stdout: "piped", stderr: "inherit" }).spawn();
    const kill = setTimeout(() => child.kill("SIGKILL"), 2 * DEADLINE_MS);
    await firstLine(child.stdout);
    const dog = await serve({
      cluster,
      self: "Dog",
      privateKey: privateKeys[3]!,
      store: new MemoryStore(),
      start: "new",
    });
    const client = new Client({ cluster });
    const until = performance.now() + DEADLINE_MS;
    let open: number[] = [];
    for (let i = 0; performance.now() < until && open.join() !== "3,3,3,3"; i++) {
      await client.submit(JSON.stringify({ op: "set", key: `k${i}`, value: "v" }));
      open = await openSockets(urls);
    }
    assertEquals(open, [3, 3, 3, 3]);

    const raw = async (text: string) => {
      using connection = await RawConnection.open(urls[0]!);
      await connection.send(text);
      return await connection.status();
    };
    const get = (path: string, ...headers: string[]) => [`GET ${path} HTTP/1.1`, ...headers, "", ""].join("\r\n");
    assertEquals(await raw(get("/messages", ...UPGRADE)), 401, "only members get a socket");
    assertEquals(await raw(get("/nowhere", ...UPGRADE)), 404);
    assertEquals(await raw(get("http://evil.test/messages", ...UPGRADE)), null);
    const operation = '{"clientID":"ada","operation":"INCR n"}';
    const h2c = ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"];
    const headers = [...h2c, "Content-Type: application/json", `Content-Length: ${operation.length}`];
    assertEquals(await raw(head("/req", ...headers) + operation), 200, "the wish for HTTP/2 is ignored");

    // Ball's proofs, made here: a second socket of a member that has one.
    const { genesis } = cluster;
    const ball = new Membership({
      genesis,
      self: replicaId(1),
      privateKey: privateKeys[1]!,
      now: () => Date.now() + 1_000,
    });
    const prove = () => ball.prove(0 as ReplicaId, "socket");
    // 1006: the connection was cut before this side had sent it all, and so before it read why.
    const tooLarge = await closedWith(urls[0]!, await prove(), new Uint8Array(MAX_SOCKET_BYTES + 1));
    assert(tooLarge === 1009 || tooLarge === 1006, `${tooLarge}`);
    let text = 0;
    // 0: it was refused, as the one before still counts.
    while (text === 0 && performance.now() < until) text = await closedWith(urls[0]!, await prove(), "text");
    assertEquals(text, 1003);
    await client.submit(JSON.stringify({ op: "set", key: "last", value: "v" }));

    client.close();
    await child.stdin.close();
    await dog.close();
    assert((await child.status).success);
    clearTimeout(kill);
    await Deno.remove(folder, { recursive: true });
  },
});
