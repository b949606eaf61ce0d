import { assertEquals } from "@std/assert";
import { Client } from "../../src/client/mod.ts";
import { createApp } from "../../src/http/mod.ts";
import { ACCEPT_PATHS, fromUtf8, utf8 } from "../../src/wire/mod.ts";
import { Cluster } from "../node/_cluster.ts";
import { test } from "../client/with_crypto_done.ts";
import { harness, post, problemOf } from "./helpers.ts";

Deno.test("/queries answers with this replica's signed answer", async () => {
  const { app, node } = harness();
  node.onQuery = (frame) => Promise.resolve(utf8(`answer to ${fromUtf8(frame)}`));
  const response = await post(app, "/queries", utf8("query"));
  assertEquals([response.status, response.headers.get("content-type")], [200, "application/cbor"]);
  assertEquals(await response.text(), "answer to query");
});

Deno.test("/queries answers 503 when the replica can't answer now", async () => {
  const { app, node } = harness();
  const reject = (reason: "unavailable" | "overloaded" | "malformed") => {
    node.onQuery = () => Promise.resolve({ reason, kind: "query", detail: "not now" });
    return post(app, "/queries", utf8("query"));
  };
  await problemOf(await reject("unavailable"), 503, "unavailable");
  await problemOf(await reject("overloaded"), 429, "overloaded");
  await problemOf(await reject("malformed"), 400, "malformed");
});

Deno.test("/queries limits the body to the size of a request", async () => {
  const { app } = harness();
  await problemOf(await post(app, "/queries", new Uint8Array(1024 * 1024)), 413, "too-large");
});

test("a client's query is answered by a quorum of real replicas over their routes", async () => {
  const cluster = await Cluster.open();
  const names = cluster.genesis.replicas.map(({ name }) => name);
  const apps = cluster.ids.map((id) => createApp(cluster.node(id), { timer: cluster.timer }));
  const urls = Object.fromEntries(names.map((name) => [name, `http://${name.toLowerCase()}.test`]));
  const fetch = (input: string | URL | Request, init?: RequestInit) => {
    const at = names.findIndex((name) => name.toLowerCase() === new URL(String(input)).hostname.split(".")[0]);
    return Promise.resolve(apps[at]!.fetch(new Request(input, init)));
  };
  const client = new Client({ cluster: { genesis: cluster.genesis, urls }, fetch });
  let isDone = false;
  const work = (async () => {
    const set = await client.invoke("SET name Ada");
    const read = await client.query("GET name");
    const error = await client.query("SET name Bob").catch((error) => error.name);
    return [set, read, error, await client.query("GET name")];
  })().finally(() => isDone = true);
  while (!isDone) await cluster.timer.advance(1);
  assertEquals(await work, ["OK", "Ada", "QueryRejectedError", "Ada"]);
  const executed = cluster.node(0).status().replica.lastExecuted;
  assertEquals(executed as number, 2); // the session and the write
  client.close();
  await cluster.close();
});

Deno.test("/requests gives replies that were signed together only to those who accept them", async () => {
  const { app, node } = harness();
  const accepted: (boolean | undefined)[] = [];
  const { submit } = node;
  node.submit = (asked, options) => {
    accepted.push(options?.acceptsPaths);
    return submit.call(node, asked, options);
  };
  for (const accept of [undefined, "*/*", "application/cbor", ACCEPT_PATHS, `text/html, ${ACCEPT_PATHS}`]) {
    const headers = { "content-type": "application/cbor", ...(accept && { accept }) };
    assertEquals((await app.request("/requests", { method: "POST", headers, body: utf8("request") })).status, 200);
  }
  assertEquals(accepted, [false, false, false, true, true]);
});
