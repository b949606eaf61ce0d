/** The OpenAPI description: it is valid, current, and a replica answers nothing that it does not say. */
import { assert, assertEquals, assertGreater } from "@std/assert";
// deno-lint-ignore no-import-prefix -- in the import map it would be downloaded by everybody who runs a replica
import { Ajv2020, type ValidateFunction } from "npm:ajv@8.17.1/dist/2020.js";
// deno-lint-ignore no-import-prefix -- as above
import { Validator } from "npm:@seriousme/openapi-schema-validator@2.4.1";
import { hc } from "hono/client";
import { type AppType, openApiDocument, type ReqAnswer, type StatusJson } from "../../src/http/mod.ts";
import { openReplica } from "../../src/runtime/deno.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { Random } from "../../src/testing/mod.ts";
import { clusterOfOne } from "../tools/cluster_of_one.ts";
import { textOf } from "../tools/files.ts";
import { openApiText } from "../tools/openapi.ts";
import { harness } from "./helpers.ts";

// deno-lint-ignore no-explicit-any
const document = openApiDocument() as any;
const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
const compiled = new Map<object, ValidateFunction>();

function validator(schema: object): ValidateFunction {
  const known = compiled.get(schema) ?? ajv.compile(schema);
  compiled.set(schema, known);
  return known;
}

Deno.test("docs/openapi.json is what the code says; deno task generate writes it", () => {
  assertEquals(textOf("docs/openapi.json"), openApiText());
});

Deno.test("the description is valid OpenAPI 3.1", async () => {
  const { valid, errors } = await new Validator().validate(structuredClone(document));
  assert(valid, JSON.stringify(errors, null, 1));
});

type Asking = (path: string, init?: RequestInit) => Response | Promise<Response>;

/** What an answer has that the description does not; `null`: nothing. */
async function undocumented(path: string, method: string, response: Response): Promise<string | null> {
  const operation = document.paths[path]?.[method];
  const text = await response.text();
  const described = operation.responses[response.status];
  if (!described) return `status ${response.status}: ${text}`;
  const type = response.headers.get("content-type")!.split(";")[0]!;
  const content = described.content[type];
  if (!content) return `content type ${type} with ${response.status}`;
  if (!type.endsWith("json")) return null;
  const validate = validator(content.schema);
  return validate(JSON.parse(text)) ? null : `${text}: ${ajv.errorsText(validate.errors)}`;
}

const NAMES = ["ada", "grace", "", " ", "x".repeat(200), "\u0000", "naïve", "\ud800", 7, null, {}, ["ada"]];
const TIMESTAMPS = [0, 1, 2, 1.5, -1, 2 ** 53, 2 ** 53 - 1, "1", null, true];
const OPERATIONS = [
  ...["SET name Ada", "GET name", "INCR n", "INCR name", "KEYS", "CAS a null 1", "nonsense", "", "\ud800"],
  ...[{ op: "get", key: "name" }, { op: "keys", prefix: "" }, { op: "set", key: 5 }, {}, [], 7, null, true],
];

/** A body for `/req`: right, wrong in one field, or no JSON at all. */
function drawnBody(random: Random): string {
  if (random.chance(0.1)) {
    return random.pick(["", "{", "null", "[]", "\ufeff{}", "5", '{"clientID":"a","operation":1e999}']);
  }
  const body: Record<string, unknown> = {
    clientID: random.pick(["ada", "grace"]),
    operation: random.pick(OPERATIONS.slice(0, 7)),
  };
  if (random.chance(0.4)) body.timestamp = random.int(0, 30);
  if (random.chance(0.5)) {
    const wrong = random.pick(["clientID", "timestamp", "operation", "more", "none"]);
    if (wrong === "clientID") body.clientID = random.pick(NAMES);
    if (wrong === "timestamp") body.timestamp = random.pick(TIMESTAMPS);
    if (wrong === "operation") body.operation = random.pick(OPERATIONS);
    if (wrong === "more") body.more = 1;
    if (wrong === "none") delete body[random.pick(["clientID", "operation"])];
  }
  return JSON.stringify(body);
}

/** Sends drawn requests to every route of the description. Returns how often each status came. */
async function tryAll(ask: Asking, seed: number, requests: number): Promise<ReadonlyMap<string, number>> {
  const random = new Random(seed);
  const routes = Object.entries<Record<string, object>>(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => [path, method] as const)
  );
  const seen = new Map<string, number>();
  const isBody = validator(document.paths["/req"].post.requestBody.content["application/json"].schema);
  for (let i = 0; i < requests; i++) {
    const [path, method] = random.chance(0.6) ? ["/req", "post"] as const : random.pick(routes);
    const body = method === "post" ? drawnBody(random) : undefined;
    const type = random.chance(0.9) ? "application/json" : random.pick(["text/plain", "application/cbor", "x"]);
    const query = random.chance(0.2)
      ? random.pick(["?pretty", "?pretty=1", "?x=%00", "?stable", "?after=1&stable", "?after=x"])
      : "";
    const response = await ask(path + query, {
      method: method.toUpperCase(),
      ...(body !== undefined && { body, headers: { "content-type": type } }),
    });
    const { status } = response;
    assertEquals(await undocumented(path, method, response), null, `${method} ${path}${query} ${type} ${body}`);
    const isWrong = path === "/req" && body !== undefined && type === "application/json" && !isBody(parsed(body));
    if (isWrong) assertEquals(status, 400, body);
    seen.set(`${path} ${status}`, (seen.get(`${path} ${status}`) ?? 0) + 1);
  }
  return seen;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\ufeff/, ""));
  } catch {
    return undefined;
  }
}

Deno.test("a replica that runs answers nothing that the description does not have", async () => {
  const replica = await openReplica({ ...clusterOfOne(), store: new MemoryStore(), start: "new" });
  try {
    const ask: Asking = (path, init) => replica.fetch(new Request(`http://127.0.0.1:9${path}`, init));
    const seen = await tryAll(ask, 20_261_127, 400);
    for (
      const place of ["/req 200", "/req 400", "/req 409", "/req 415", "/req 422", "/status 200", "/openapi.json 200"]
    ) {
      assertGreater(seen.get(place) ?? 0, 0, place);
    }
    assertEquals(await (await ask("/openapi.json")).json(), JSON.parse(openApiText()));
  } finally {
    await replica.close();
  }
});

Deno.test("nor does one that has faults, peers and limits", async () => {
  for (const overrides of [{}, { halted: "an invariant broke" }, { storeError: "the disk is full" }]) {
    const { app, node } = harness({
      readers: { addresses: [] },
      clientLimit: { perSecond: 1, burst: 20 },
      hosts: ["localhost"],
    });
    node.overrides = overrides;
    const seen = await tryAll((path, init) => app.request(`http://localhost${path}`, init), 7, 120);
    assertGreater(seen.get("/req 429") ?? 0, 0);
  }
});

Deno.test("Hono's client has the types of /req and /status", async () => {
  const replica = await openReplica({ ...clusterOfOne(), store: new MemoryStore(), start: "new" });
  try {
    const client = hc<AppType>("http://127.0.0.1:9", {
      fetch: (input: RequestInfo | URL, init?: RequestInit) => Promise.resolve(replica.fetch(new Request(input, init))),
    });
    const response = await client.req.$post({ json: { clientID: "ada", operation: { op: "incr", key: "n" } } });
    if (!response.ok) throw new Error((await response.json()).detail);
    const answer: ReqAnswer = await response.json();
    assertEquals([answer.result, answer.voters], [1, ["Apple"]]);
    const asked = await client.status.$get();
    if (!asked.ok) throw new Error((await asked.json()).detail);
    const status: StatusJson = await asked.json();
    assertEquals([status.nodeID, status.lastExecuted], ["Apple", answer.sequenceID]);
    // @ts-expect-error There is no such field.
    status.nothing;
    const wrong = async () => {
      // @ts-expect-error An operation is no number.
      await client.req.$post({ json: { clientID: "ada", operation: 5 } });
      // @ts-expect-error There is no such route.
      await client.nothing.$get();
    };
    assertEquals(typeof wrong, "function");
  } finally {
    await replica.close();
  }
});
