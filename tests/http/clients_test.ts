import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import type { Digest } from "../../src/core/messages/ids.ts";
import { CRYPTOGRAPHY } from "../../src/node/options.ts";
import { clusterId, createSigner } from "../../src/crypto/mod.ts";
import { Hono } from "hono";
import {
  type AppOptions,
  authenticate,
  clientLimit,
  type ClientVariables,
  createApp,
  FetchTransport,
  type Middleware,
  type ReplicaApp,
  type Submitter,
} from "../../src/http/mod.ts";
import { relayOf } from "../../src/http/peers/relay.ts";
import { encodeBundle, fromUtf8 } from "../../src/wire/mod.ts";
import { ManualTimer } from "../client/manual_timer.ts";
import { Cluster, genesisOf, keyPairOf, NAMES, resultsIn } from "../node/_cluster.ts";
import { harness, post, postJson, problemOf } from "./helpers.ts";

const ADA = 21;
const MALLORY = 22;
const allowlist = [keyPairOf(ADA).publicKey];
const limit = { perSecond: 1, burst: 4 };

interface Open extends AsyncDisposable {
  readonly cluster: Cluster;
  readonly apps: readonly ReplicaApp[];
  /** The answer to a client's request of its own session 0, with so many operations. */
  submit(at: number, author: number, timestamp: number): Promise<Response>;
  query(at: number, author: number): Promise<Response>;
}

/** Four replicas that reach each other by their routes only; Apple, the primary, with options. */
async function open(
  options: Partial<AppOptions>,
  { areRelaysSigned = true, onVerify = (_: string): unknown => null } = {},
): Promise<Open> {
  const apps: ReplicaApp[] = [];
  const genesis = genesisOf(4);
  const id = clusterId(genesis);
  const clusterFile = { genesis, urls: Object.fromEntries(NAMES.map((name) => [name, `http://${name}.test`])) };
  const fetch = (input: string | URL | Request, init?: RequestInit) => {
    const { hostname } = new URL(String(input));
    const at = NAMES.findIndex((name) => hostname.startsWith(name.toLowerCase()));
    return Promise.resolve(apps[at]!.fetch(new Request(input, init)));
  };
  const cluster = await Cluster.open({
    node(self) {
      const relayer = { self, signer: createSigner(keyPairOf(self + 1).privateKey, id) };
      const createVerifier = (cluster: Digest) => {
        const verifier = CRYPTOGRAPHY.createVerifier(cluster);
        const verify: typeof verifier.verify = (key, ...rest) => (onVerify(key), verifier.verify(key, ...rest));
        return { verify };
      };
      return {
        crypto: { ...CRYPTOGRAPHY, createVerifier },
        transport: new FetchTransport({ clusterFile, cluster: id, fetch, ...(areRelaysSigned && { relayer }) }),
      };
    },
  });
  for (const id of cluster.ids) {
    apps.push(createApp(cluster.node(id), { timer: cluster.timer, ...(id === 0 && options) }));
  }
  const settled = async (response: Promise<Response>) => {
    let isDone = false;
    response.finally(() => isDone = true).catch(() => {});
    for (let i = 0; i < 200 && !isDone; i++) await cluster.timer.advance(10);
    return await response;
  };
  return {
    cluster,
    apps,
    submit: (at, author, timestamp) => {
      const who = cluster.author(author);
      return settled(post(apps[at]!, "/requests", who.frame(who.request({ timestamp })) as BodyInit));
    },
    query(at, author) {
      const who = cluster.author(author);
      const operation = new TextEncoder().encode("GET n");
      const frame = who.frame({ kind: "query", client: who.request().client, nonce: 1, operations: [operation] });
      return settled(post(apps[at]!, "/queries", frame as BodyInit));
    },
    [Symbol.asyncDispose]: () => cluster.close(),
  };
}

async function result(response: Response): Promise<string> {
  assertEquals(response.status, 200, await response.clone().text());
  return resultsIn(new Uint8Array(await response.arrayBuffer()))[0]!;
}

Deno.test("a client on the allowlist is served, and any other is refused as not admitted", async () => {
  await using all = await open({ admission: { allowlist } });
  assertEquals(await result(await all.submit(0, ADA, 1)), "ok 1");
  assertEquals((await all.query(0, ADA)).status, 200);
  const refused = await problemOf(await all.submit(0, MALLORY, 1), 403, "not-admitted");
  assertStringIncludes(String(refused.detail), keyPairOf(MALLORY).publicKey);
  await problemOf(await all.query(0, MALLORY), 403, "not-admitted");
  const unsigned = await postJson(all.apps[0]!, "/req", { clientID: "ada", operation: "GET n" });
  await problemOf(unsigned, 403, "not-admitted");
  assertEquals(all.cluster.node(0).status().replica.lastExecuted as number, 1);
});

Deno.test("naming another client's key is not enough: the signature is checked", async () => {
  await using all = await open({ admission: { allowlist } });
  const { cluster, apps } = all;
  const forged = cluster.author(MALLORY).frame({ ...cluster.author(ADA).request() });
  const answer = post(apps[0]!, "/requests", forged as BodyInit);
  await cluster.timer.idle();
  await problemOf(await answer, 401, "wrong-signature");
});

Deno.test("a request relayed by a member is accepted though its client is not admitted here", async () => {
  await using all = await open({ admission: { allowlist }, clientLimit: limit });
  assertEquals(await result(await all.submit(1, MALLORY, 1)), "ok 1");
  assertEquals(all.cluster.node(0).status().replica.view as number, 0);
});

Deno.test("a client can't pose as a member that relays its request", async () => {
  await using all = await open({ admission: { allowlist } });
  const { cluster, apps } = all;
  const mallory = cluster.author(MALLORY);
  const body = encodeBundle(cluster.cluster, [mallory.frame(mallory.request())]);
  const other = encodeBundle(cluster.cluster, [mallory.frame(mallory.request({ timestamp: 2 }))]);
  const as = (self: number, key: number, bytes = body) =>
    relayOf(bytes, {
      self: cluster.ids[self] ?? 9 as never,
      signer: createSigner(keyPairOf(key).privateKey, cluster.cluster),
    });
  const send = (relay?: string) =>
    apps[0]!.request("/messages", {
      method: "POST",
      headers: { "content-type": "application/cbor", ...(relay && { "pbft-relay": relay }) },
      body,
    });
  for (const wrong of [undefined, "1", as(1, MALLORY), as(9, 2), as(1, 2, other), as(2, 2), "-1 " + "0".repeat(128)]) {
    await problemOf(await send(wrong), 400, "not-accepted-here");
  }
  const taken = Promise.resolve(send(as(1, 2)));
  await cluster.timer.advance(1);
  assertEquals((await taken).status, 202);
});

Deno.test("where all clients are served, a relayed bundle needs no signature", async () => {
  await using all = await open({}, { areRelaysSigned: false });
  assertEquals(await result(await all.submit(1, MALLORY, 1)), "ok 1");
});

Deno.test("a host's own function decides on admission, and gets the submitter", async () => {
  const heard: Submitter[] = [];
  const admission = (submitter: Submitter) => {
    heard.push(submitter);
    return Promise.resolve(submitter.request.headers.get("authorization") === "Bearer good");
  };
  const { app } = harness({ admission });
  const ask = (authorization: string) =>
    app.request("/req", {
      method: "POST",
      headers: { "content-type": "application/json", authorization },
      body: `{"clientID":"ada","operation":"GET a"}`,
    });
  assertEquals((await ask("Bearer good")).status, 200);
  await problemOf(await ask("Bearer bad"), 403, "not-admitted");
  const { request: _, asked, ...who } = heard[0]!;
  assertEquals(who, { kind: "operation", client: null, name: "ada", operations: 1 });
  assertEquals("operation" in asked && fromUtf8(asked.operation), "GET a");
  await using all = await open({ admission: (submitter) => (heard.push(submitter), true) });
  await all.submit(0, ADA, 1);
  assertEquals([heard.at(-1)!.kind, heard.at(-1)!.client], ["request", keyPairOf(ADA).publicKey as never]);
});

Deno.test("the host's rules never see a request whose signature is wrong", async () => {
  const heard: unknown[] = [];
  const middleware: Middleware = (c, next) => (heard.push(c.var.submitter), next());
  await using all = await open({ admission: (submitter) => (heard.push(submitter), true), middleware: [middleware] });
  const { cluster, apps } = all;
  const forged = cluster.author(MALLORY).frame(cluster.author(ADA).request());
  const answer = post(apps[0]!, "/requests", forged as BodyInit);
  await cluster.timer.idle();
  await problemOf(await answer, 401, "wrong-signature");
  assertEquals(heard, []);
});

Deno.test("a host's own middleware gets the submitter, runs after the limits, and may refuse", async () => {
  const middleware: Middleware = async ({ var: { submitter } }, next) => {
    if (submitter?.kind === "request" && submitter.client === keyPairOf(MALLORY).publicKey) {
      return Response.json("no", { status: 402 });
    }
    await next();
  };
  await using all = await open({ clientLimit: { perSecond: 1, burst: 1 }, middleware: [middleware] });
  assertEquals((await all.submit(0, MALLORY, 1)).status, 402);
  assertEquals((await all.submit(0, MALLORY, 1)).status, 429);
  assertEquals(await result(await all.submit(0, ADA, 1)), "ok 1");
  assertEquals((await all.query(0, MALLORY)).status, 429);
  // What the members' way is for is for members: else a client would come round the middleware.
  const mallory = all.cluster.author(MALLORY);
  const body = encodeBundle(all.cluster.cluster, [mallory.frame(mallory.request({ timestamp: 2 }))]);
  await problemOf(await post(all.apps[0]!, "/messages", body as BodyInit), 400, "not-accepted-here");
});

Deno.test("a signature is checked once, whatever middleware there is", async () => {
  let checked = 0;
  const onVerify = (key: string) => key === keyPairOf(ADA).publicKey && checked++;
  await using all = await open({ admission: { allowlist }, clientLimit: limit }, { onVerify });
  assertEquals((await all.query(0, ADA)).status, 200);
  assertEquals(checked, 1);
});

Deno.test("in the host's own app authenticate sets the submitter, and later middleware may limit it", async () => {
  await using all = await open({});
  const { cluster } = all;
  const { timer } = cluster;
  const node = cluster.node(0);
  const app = new Hono<{ Variables: ClientVariables }>();
  const orders = [authenticate(node, { timer }), clientLimit({ limit: { perSecond: 1, burst: 1 }, timer })] as const;
  app.post("/orders", ...orders, async ({ var: { submitter } }) => {
    if (submitter.kind !== "request") return new Response(null, { status: 500 });
    const reply = await node.submit(submitter.asked);
    return reply instanceof Uint8Array ? new Response(reply as BodyInit) : Response.json(reply, { status: 503 });
  });
  const send = async (author: number, timestamp: number, type = "application/cbor") => {
    const who = cluster.author(author);
    const body = who.frame(who.request({ timestamp })) as BodyInit;
    const answer = app.request("/orders", { method: "POST", headers: { "content-type": type }, body });
    await timer.advance(500);
    return await answer;
  };
  assertEquals(await result(await send(ADA, 1)), "ok 1");
  await problemOf(await send(ADA, 2), 429, "too-many-requests");
  assertEquals(await result(await send(MALLORY, 1)), "ok 2");
  await problemOf(await send(MALLORY, 2, "text/plain"), 415, "unsupported-media-type");
});

Deno.test("a client limit without authenticate before it is the host's mistake, and the error says so", async () => {
  const app = new Hono();
  app.use(clientLimit({ limit, timer: new ManualTimer() }));
  app.onError((error) => Response.json(error.message, { status: 500 }));
  const answer = await app.request("/");
  assertStringIncludes(await answer.json(), "authenticate");
});

Deno.test("an admission function that throws admits nobody", async () => {
  const admission = () => Promise.reject(new Error("no database"));
  const { app, node } = harness({ admission });
  await problemOf(await postJson(app, "/req", { clientID: "ada", operation: "GET a" }), 500, "internal-error");
  assertEquals(node.vouched, []);
});

Deno.test("an allowlist with something other than a public key is an error that does not repeat it", () => {
  const error = assertThrows(() => harness({ admission: { allowlist: [...allowlist, "c0ffee"] } }), TypeError);
  assertEquals(error.message, "allowlist[1]: expected a public key, 64 lower-case hex digits, got something else");
});

Deno.test("a client above its rate limit is told when to retry; others and members are served", async () => {
  await using all = await open({ clientLimit: limit });
  const statuses: number[] = [];
  let last: Response;
  // Sessions of one client are opened one after the other, some 10 ms of this clock each.
  for (let i = 1; i <= 5; i++) statuses.push((last = await all.submit(0, MALLORY, i)).status);
  assertEquals(statuses, [200, 200, 200, 200, 429]);
  assertEquals(last!.headers.get("retry-after"), "1");
  await problemOf(last!, 429, "too-many-requests");
  assertEquals((await all.submit(0, ADA, 1)).status, 200);
  assertEquals((await all.submit(1, MALLORY, 6)).status, 200);
  await all.cluster.timer.advance(1_000);
  assertEquals((await all.submit(0, MALLORY, 7)).status, 200);
});

Deno.test("forged requests in a client's name do not count against its limit", async () => {
  await using all = await open({ clientLimit: limit });
  const { cluster, apps } = all;
  for (let i = 0; i < 10; i++) {
    const forged = cluster.author(MALLORY).frame(cluster.author(ADA).request({ timestamp: i }));
    const answer = post(apps[0]!, "/requests", forged as BodyInit);
    await cluster.timer.idle();
    assertEquals((await answer).status, 401);
  }
  assertEquals((await all.submit(0, ADA, 1)).status, 200);
});

Deno.test("a name at /req has a rate limit like a client", async () => {
  const { app, timer } = harness({ clientLimit: limit });
  const ask = (clientID: string) => postJson(app, "/req", { clientID, operation: "GET a" });
  for (let i = 0; i < 4; i++) assertEquals((await ask("ada")).status, 200);
  const refused = await ask("ada");
  assertEquals(refused.headers.get("retry-after"), "1");
  await problemOf(refused, 429, "too-many-requests");
  assertEquals((await ask("grace")).status, 200);
  timer.advance(1_000);
  assertEquals((await ask("ada")).status, 200);
});

Deno.test("the limit of a name at /req is per address: another address can't use it up", async () => {
  const { app } = harness({ clientLimit: { perSecond: 1, burst: 1 } });
  const ask = async (hostname: string) => {
    const headers = { "content-type": "application/json" };
    const request = new Request("http://a.test/req", {
      method: "POST",
      headers,
      body: `{"clientID":"ada","operation":"GET a"}`,
    });
    return (await app.fetch(request, { remoteAddr: { hostname } })).status;
  };
  assertEquals([await ask("203.0.113.7"), await ask("203.0.113.7"), await ask("203.0.113.8")], [200, 429, 200]);
});
