import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { clusterId, createSigner } from "../../src/crypto/mod.ts";
import { type Applicant, type AppOptions, createApp, FetchTransport, type ReplicaApp } from "../../src/http/mod.ts";
import { relayOf } from "../../src/http/relay.ts";
import { encodeBundle } from "../../src/wire/mod.ts";
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
async function open(options: Partial<AppOptions>, { areRelaysSigned = true } = {}): Promise<Open> {
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
      return {
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
      const frame = who.frame({ kind: "query", client: who.request().client, nonce: 1, operation });
      return settled(post(apps[at]!, "/queries", frame as BodyInit));
    },
    [Symbol.asyncDispose]: () => cluster.close(),
  };
}

async function result(response: Response): Promise<string> {
  assertEquals(response.status, 200, await response.clone().text());
  return resultsIn(new Uint8Array(await response.arrayBuffer()))[0]!;
}

Deno.test("a client on the allowlist is served, and any other is told that it is not admitted", async () => {
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

Deno.test("a name in somebody's key is not enough: the signature is checked as ever", async () => {
  await using all = await open({ admission: { allowlist } });
  const { cluster, apps } = all;
  const forged = cluster.author(MALLORY).frame({ ...cluster.author(ADA).request() });
  const answer = post(apps[0]!, "/requests", forged as BodyInit);
  await cluster.timer.idle();
  await problemOf(await answer, 401, "wrong-signature");
});

Deno.test("what a member passes on is taken from it, though its client is not admitted here", async () => {
  await using all = await open({ admission: { allowlist }, clientLimit: limit });
  assertEquals(await result(await all.submit(1, MALLORY, 1)), "ok 1");
  assertEquals(all.cluster.node(0).status().replica.view as number, 0);
});

Deno.test("a client can't pass for a member that passes its request on", async () => {
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

Deno.test("where everybody is served nothing is asked of who passes requests on", async () => {
  await using all = await open({}, { areRelaysSigned: false });
  assertEquals(await result(await all.submit(1, MALLORY, 1)), "ok 1");
});

Deno.test("a host's own function admits, and hears what it needs for that", async () => {
  const heard: Omit<Applicant, "request">[] = [];
  const admission = ({ request, ...applicant }: Applicant) => {
    heard.push(applicant);
    return Promise.resolve(request.headers.get("authorization") === "Bearer good");
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
  assertEquals(heard[0], { route: "/req", client: null, name: "ada" });
  await using all = await open({ admission: (applicant) => (heard.push(applicant), true) });
  await all.submit(0, ADA, 1);
  assertEquals([heard.at(-1)!.route, heard.at(-1)!.client], ["/requests", keyPairOf(ADA).publicKey as never]);
});

Deno.test("a function that fails admits nobody", async () => {
  const admission = () => Promise.reject(new Error("no database"));
  const { app, node } = harness({ admission });
  await problemOf(await postJson(app, "/req", { clientID: "ada", operation: "GET a" }), 500, "internal-error");
  assertEquals(node.vouched, []);
});

Deno.test("an allowlist holds public keys, and what is in it instead is not repeated", () => {
  const error = assertThrows(() => harness({ admission: { allowlist: [...allowlist, "c0ffee"] } }), TypeError);
  assertEquals(error.message, "allowlist[1]: expected a public key, 64 lower-case hex digits, got something else");
});

Deno.test("a client that asks too often is told when to come back; others and members go on", async () => {
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

Deno.test("what others send in a client's name does not count against it", async () => {
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

Deno.test("a name at /req is limited as a client is", async () => {
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
