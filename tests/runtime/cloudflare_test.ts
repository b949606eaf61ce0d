import { assertEquals, assertStringIncludes } from "@std/assert";
import { simulatedObjectStorage } from "../../src/cli/simulation/simulated_object.ts";
import { ReplicaObject, replicaWorker, type WorkerEnvironment } from "../../src/runtime/cloudflare.ts";
import { genesisOf, keyPairOf, NAMES } from "../node/_cluster.ts";

/** A Worker's environment whose object does this. `asked`: the names of the objects that were asked. */
function environment(answer: () => Promise<Response>, replica = "Candy") {
  const asked: unknown[] = [];
  const urls = Object.fromEntries(NAMES.map((name) => [name, `https://${name.toLowerCase()}.example`]));
  const env: WorkerEnvironment = {
    PBFT_CLUSTER: JSON.stringify({ genesis: genesisOf(4), urls }),
    PBFT_REPLICA: replica,
    PBFT_PRIVATE_KEY: "",
    REPLICA: {
      idFromName: (name) => name,
      get(id) {
        asked.push(id);
        return { fetch: answer };
      },
    },
  };
  return { env, asked };
}

const ERRORS: readonly (readonly [what: string, error: unknown, retryAfter: string])[] = [
  [
    "reset",
    Object.assign(new Error("Durable Object reset because its code was updated."), { durableObjectReset: true }),
    "1",
  ],
  [
    "overloaded",
    Object.assign(new Error("Durable Object is overloaded. Too many requests queued."), { overloaded: true }),
    "5",
  ],
  ["lost", Object.assign(new Error("Network connection lost."), { retryable: true }), "1"],
  ["storage", new Error("Internal error in Durable Object storage caused object to be reset."), "1"],
  ["no error at all", "gone", "1"],
  ["nothing", undefined, "1"],
];

for (const [what, error, retryAfter] of ERRORS) {
  Deno.test(`a Durable Object that fails (${what}) is a 503 that says when to ask again, and the body is let go`, async () => {
    let cancelled = false;
    const body = new ReadableStream({ cancel: () => void (cancelled = true) });
    const { env } = environment(() => Promise.reject(error));
    const answer = await replicaWorker.fetch(
      new Request("https://candy.example/messages", { method: "POST", body }),
      env,
    );
    assertEquals([answer.status, answer.headers.get("retry-after")], [503, retryAfter]);
    assertEquals(answer.headers.get("content-type"), "application/problem+json");
    const { type, detail } = await answer.json();
    assertEquals(type, "urn:problem-type:pbft:unavailable");
    assertStringIncludes(detail, error instanceof Error ? error.message : String(error));
    assertEquals(cancelled, true);
  });
}

Deno.test("a namespace that throws at once is answered in the same way", async () => {
  const { env } = environment(() => {
    throw new Error("internal error");
  });
  assertEquals((await replicaWorker.fetch(new Request("https://candy.example/status"), env)).status, 503);
});

Deno.test("the object is the member's, whether the variable gives its name, its number or spaces around them", async () => {
  for (const given of ["Candy", " Candy ", "2", " 2\n"]) {
    const { env, asked } = environment(() => Promise.resolve(new Response("ok")), given);
    assertEquals(await (await replicaWorker.fetch(new Request("https://candy.example/status"), env)).text(), "ok");
    assertEquals(asked, ["Candy"], JSON.stringify(given));
  }
});

Deno.test("the object of a later member is named after its key too: a new key finds no state of the old one", async () => {
  const { env, asked } = environment(() => Promise.resolve(new Response("ok")));
  const join = { PBFT_JOIN: "https://apple.example" };
  for (const [key, said] of [[3, join], [9, join], [8, { PBFT_CHAIN: '{"links":[]}' }]] as const) {
    const request = new Request("https://candy.example/status");
    await (await replicaWorker.fetch(request, { ...env, ...said, PBFT_PRIVATE_KEY: keyPairOf(key).privateKey })).text();
  }
  const named = (key: number) => `Candy-${keyPairOf(key).publicKey.slice(0, 16)}`;
  assertEquals(asked, ["Candy", named(9), named(8)]);
});

// An object lives on after a request, and so does its timer.
const livesOn = { sanitizeOps: false, sanitizeResources: false };

Deno.test("requests set no alarm: the object's own next status is all that wakes it", livesOn, async () => {
  const alarms: number[] = [];
  const waiting: Promise<unknown>[] = [];
  const context = {
    storage: {
      ...simulatedObjectStorage(),
      setAlarm: (at: number) => Promise.resolve(void alarms.push(at - Date.now())),
    },
    waitUntil: (promise: Promise<unknown>) => void waiting.push(promise),
  };
  const object = new ReplicaObject(
    context,
    {
      PBFT_CLUSTER: JSON.stringify({ genesis: genesisOf(1), urls: { Apple: "http://127.0.0.1:1" } }),
      PBFT_REPLICA: "Apple",
      PBFT_PRIVATE_KEY: keyPairOf(1).privateKey,
      PBFT_START: "new",
    } as ConstructorParameters<typeof ReplicaObject>[1],
  );
  const ask = async (path: string, body?: string) => {
    const init = { method: "POST", headers: { "content-type": "application/cbor" }, body };
    const answer = await object.fetch(new Request(`http://127.0.0.1:1${path}`, body === undefined ? {} : init));
    await answer.body?.cancel();
    return answer.status;
  };
  assertEquals(await ask("/status"), 200);
  const atStart = alarms.length;
  for (let i = 0; i < 5; i++) assertEquals([await ask("/messages", "junk"), await ask("/status")], [400, 200]);
  await Promise.all(waiting);
  assertEquals(alarms.length, atStart);
});
