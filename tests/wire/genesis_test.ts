import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { DEFAULT_LIMITS, type Genesis } from "../../src/core/config.ts";
import {
  encodeFrame,
  encodeGenesis,
  encodeMessage,
  largestNewViewBytes,
  MAX_BODY_BYTES,
  parseClusterFile,
  parseClusterText,
  parseGenesis,
  toHex,
} from "../../src/wire/mod.ts";
import { oracleDecode } from "./oracle.ts";

type Json = Record<string, unknown>;

const names = ["Apple", "Ball", "Candy", "Dog"];

function genesisJson(changes: Json = {}): Json {
  return {
    name: "fruit",
    replicas: names.map((name, i) => ({ name, publicKey: `${i}a`.repeat(32) })),
    checkpointInterval: 64,
    logWindow: 256,
    stateMachine: "key-value/1",
    limits: { ...DEFAULT_LIMITS },
    ...changes,
  };
}

function withLimits(limits: Json): Json {
  return genesisJson({ limits: { ...DEFAULT_LIMITS, ...limits } });
}

function withMember(member: unknown): Json {
  const { replicas } = genesisJson() as { replicas: unknown[] };
  return genesisJson({ replicas: [...replicas.slice(0, 3), member] });
}

const key = "ff".repeat(32);

const BAD: readonly (readonly [what: string, json: unknown, message: string])[] = [
  ["null", null, "genesis: expected an object, got null"],
  ["a list", [], "genesis: expected an object, got an array of 0"],
  ["a missing field", { name: "fruit" }, "genesis.replicas: expected a value, got none"],
  [
    "an unknown field",
    genesisJson({ extra: 1 }),
    'expected only name, replicas, checkpointInterval, logWindow, stateMachine, limits, got "extra"',
  ],
  ["an empty name", genesisJson({ name: "" }), 'genesis.name: expected 1 to 64 printable ASCII characters, got ""'],
  ["a name that is none", genesisJson({ name: 7 }), "genesis.name: expected 1 to 64 printable ASCII characters, got 7"],
  [
    "three members",
    genesisJson({ replicas: (genesisJson().replicas as unknown[]).slice(1) }),
    "genesis.replicas: expected 4 or more members (or 1, for experiments), got 3",
  ],
  [
    "no members",
    genesisJson({ replicas: [] }),
    "genesis.replicas: expected 4 or more members (or 1, for experiments), got 0",
  ],
  ["members that are no list", genesisJson({ replicas: {} }), "genesis.replicas: expected an array, got an object"],
  [
    "a member's name with a space",
    withMember({ name: "D g", publicKey: key }),
    "genesis.replicas[3].name: expected 1 to 32 of the characters",
  ],
  [
    "a member's long name",
    withMember({ name: "D".repeat(33), publicKey: key }),
    "genesis.replicas[3].name: expected 1 to 32 of the characters",
  ],
  [
    "a name twice",
    withMember({ name: "Ball", publicKey: key }),
    'genesis.replicas[3].name: expected a name that no other member has, got "Ball"',
  ],
  [
    "a key twice",
    withMember({ name: "Dog", publicKey: "1a".repeat(32) }),
    'genesis.replicas[3].publicKey: expected a key that no other member has, got "1a1a',
  ],
  [
    "an upper-case key",
    withMember({ name: "Dog", publicKey: "FF".repeat(32) }),
    "genesis.replicas[3].publicKey: expected 64 lower-case hex digits",
  ],
  [
    "a member's URL",
    withMember({ name: "Dog", publicKey: key, url: "" }),
    'genesis.replicas[3]: expected only name, publicKey, got "url"',
  ],
  [
    "K of 0",
    genesisJson({ checkpointInterval: 0 }),
    "genesis.checkpointInterval: expected an integer of at least 1, got 0",
  ],
  [
    "K of a half",
    genesisJson({ checkpointInterval: 0.5 }),
    "genesis.checkpointInterval: expected an integer of at least 1, got 0.5",
  ],
  ["L of K", genesisJson({ logWindow: 64 }), "genesis.logWindow: expected at least 128 (2 checkpointInterval), got 64"],
  [
    "L that is no multiple of K",
    genesisJson({ logWindow: 130 }),
    "genesis.logWindow: expected a multiple of checkpointInterval, 64, got 130",
  ],
  [
    "L whose new-view is too large",
    genesisJson({ logWindow: 64 * 100 }),
    "genesis.logWindow: expected a log window whose largest new-view with 4 replicas takes at most 8388608 bytes, got 6400, whose new-view may take",
  ],
  [
    "a state machine without a name",
    genesisJson({ stateMachine: "" }),
    "genesis.stateMachine: expected 1 to 64 printable",
  ],
  [
    "a missing limit",
    genesisJson({ limits: { ...DEFAULT_LIMITS, maxNames: undefined } }),
    "genesis.limits.maxNames: expected an integer of at least 1, got undefined",
  ],
  ["an unknown limit", withLimits({ maxFoo: 1 }), "genesis.limits: expected only maxRequestBytes"],
  [
    "a limit of 0",
    withLimits({ sessionWindow: 0 }),
    "genesis.limits.sessionWindow: expected an integer of at least 1, got 0",
  ],
  [
    "a limit as text",
    withLimits({ sessionWindow: "64" }),
    'genesis.limits.sessionWindow: expected an integer of at least 1, got "64"',
  ],
  [
    "a batch that is too small for a request",
    withLimits({ maxBatchBytes: 512 * 1024 + 1023 }),
    "genesis.limits.maxBatchBytes: expected at least 525312 (maxRequestBytes + 1 KiB), got 525311",
  ],
  [
    "a batch that is too large for a body",
    withLimits({ maxBatchBytes: MAX_BODY_BYTES }),
    "genesis.limits.maxBatchBytes: expected at most 8387520 (the room in a body beside the pre-prepare)",
  ],
  [
    "names that are forgotten before a request can be ordered",
    withLimits({ nameIdleMs: 999 }),
    "genesis.limits.nameIdleMs: expected at least 1000 (the time in which a gateway's request can be ordered), got 999",
  ],
  [
    "results too small for a rejection",
    withLimits({ maxResultBytes: 4095 }),
    "genesis.limits.maxResultBytes: expected at least 4096 (the size of the longest rejection), got 4095",
  ],
  [
    "sessions that can't store one result",
    withLimits({ maxSessionReplyBytes: 65535 }),
    "genesis.limits.maxSessionReplyBytes: expected at least 65536 (maxResultBytes), got 65535",
  ],
  [
    "a reply that is too large for a body",
    withLimits({ maxSessionReplyBytes: MAX_BODY_BYTES }),
    "genesis.limits: expected a largest reply",
  ],
];

for (const [what, json, message] of BAD) {
  Deno.test(`a genesis with ${what} is refused, and the error names the field`, () => {
    assertThrows(() => parseGenesis(json), TypeError, message);
  });
}

Deno.test("a valid genesis is accepted unchanged, with one, four or more members", () => {
  assertEquals<unknown>(parseGenesis(genesisJson()), genesisJson());
  const [first] = genesisJson().replicas as unknown[];
  assertEquals(parseGenesis(genesisJson({ replicas: [first] })).replicas.length, 1);
  const seven = Array.from({ length: 7 }, (_, i) => ({ name: `r${i}`, publicKey: `${i}b`.repeat(32) }));
  assertEquals(parseGenesis(genesisJson({ replicas: seven })).replicas.length, 7);
});

Deno.test("every field of a genesis is in its bytes, so a change of any field makes another cluster", () => {
  const genesis = parseGenesis(genesisJson());
  const member = genesis.replicas[0]!;
  const rest = genesis.replicas.slice(1);
  const others: Genesis[] = [
    { ...genesis, name: "vegetables" },
    { ...genesis, replicas: rest },
    { ...genesis, replicas: [...rest, member] },
    { ...genesis, replicas: [{ ...member, name: "Apricot" }, ...rest] },
    { ...genesis, replicas: [{ ...member, publicKey: key }, ...rest] },
    { ...genesis, checkpointInterval: 32 },
    { ...genesis, logWindow: 128 },
    { ...genesis, stateMachine: "key-value/2" },
    ...Object.entries(genesis.limits).map(([name, value]) => ({
      ...genesis,
      limits: { ...genesis.limits, [name]: value + 1 },
    })),
  ];
  const encoded = new Set([genesis, ...others].map((g) => toHex(encodeGenesis(g))));
  assertEquals(encoded.size, others.length + 1);
});

Deno.test("a genesis's bytes are canonical CBOR and do not depend on the order in which its fields were written", () => {
  const genesis = parseGenesis(genesisJson());
  const limits = Object.fromEntries(Object.entries(genesis.limits).reverse()) as unknown as Genesis["limits"];
  assertEquals(encodeGenesis({ ...genesis, limits }), encodeGenesis(genesis));
  assert(Array.isArray(oracleDecode(encodeGenesis(genesis))));
  assertNotEquals(encodeGenesis(genesis).length, 0);
});

Deno.test("a signed vote with the largest numbers takes no more than the new-view's bound counts for it", () => {
  const max = Number.MAX_SAFE_INTEGER as never;
  const message = { kind: "pre-prepare", replica: max, view: max, sequence: max, digest: key as never } as const;
  const frame = encodeFrame({ message, bytes: encodeMessage(message), signature: new Uint8Array(64) });
  assert(frame.length <= 200, `${frame.length}`);
  assertEquals(largestNewViewBytes(4, 256), 3 * 200 * (1 + 6 + 256 * 3) + 200 * 257);
});

function clusterJson(changes: Json = {}): Json {
  const urls = Object.fromEntries(names.map((name, i) => [name, `http://127.0.0.1:${1111 + i}`]));
  return { genesis: genesisJson(), urls, ...changes };
}

function withUrl(url: unknown): Json {
  return clusterJson({ urls: { ...clusterJson().urls as Json, Dog: url } });
}

const anUrl = "cluster.urls.Dog: expected an http: or https: URL without user, query or fragment, got ";

const BAD_CLUSTERS: readonly (readonly [what: string, json: unknown, message: string])[] = [
  ["text", "cluster", 'cluster: expected an object, got "cluster"'],
  ["no URLs", { genesis: genesisJson() }, "cluster.urls: expected a value, got none"],
  ["an unknown field", clusterJson({ more: 1 }), 'cluster: expected only genesis, urls, got "more"'],
  [
    "a bad genesis",
    clusterJson({ genesis: genesisJson({ logWindow: 1 }) }),
    "cluster.genesis.logWindow: expected at least 128",
  ],
  ["a member without a URL", clusterJson({ urls: {} }), "cluster.urls.Apple: expected a value, got none"],
  ["a URL of nobody's", clusterJson({ urls: { ...clusterJson().urls as Json, Eve: "http://e" } }), 'got "Eve"'],
  ["a URL that is none", withUrl("127.0.0.1:1114"), anUrl + '"127.0.0.1:1114"'],
  ["a URL that is no text", withUrl(1114), anUrl + "1114"],
  ["a URL of a file", withUrl("file:///dog"), anUrl],
  ["a URL with a password", withUrl("http://a:b@dog"), anUrl],
  ["a URL with a query", withUrl("http://dog/?a=b"), anUrl],
  [
    "a URL twice",
    withUrl("http://127.0.0.1:1111/"),
    "cluster.urls.Dog: expected a URL that no other member has (Apple has it), got",
  ],
];

for (const [what, json, message] of BAD_CLUSTERS) {
  Deno.test(`a cluster file with ${what} is refused, and the error names the field`, () => {
    assertThrows(() => parseClusterFile(json), TypeError, message);
  });
}

Deno.test("a valid cluster file is accepted unchanged", () => {
  assertEquals<unknown>(parseClusterFile(clusterJson()), clusterJson());
});

Deno.test("a member may have a name that is special in JavaScript objects", () => {
  const members = ["__proto__", "constructor", "toString", "Dog"];
  const json = JSON.stringify({
    genesis: genesisJson({ replicas: members.map((name, i) => ({ name, publicKey: `${i}a`.repeat(32) })) }),
    urls: Object.fromEntries(members.map((name, i) => [name, `http://127.0.0.1:${1111 + i}`])),
  });
  const { urls } = parseClusterFile(JSON.parse(json));
  assertEquals(members.map((name) => urls[name]), members.map((_, i) => `http://127.0.0.1:${1111 + i}`));
  const without = JSON.parse(json.replace('"constructor":"http://127.0.0.1:1112",', ""));
  assertThrows(() => parseClusterFile(without), TypeError, "cluster.urls.constructor: expected a value, got none");
});

Deno.test("a cluster file's text may begin with a byte order mark, but only one", () => {
  const text = JSON.stringify(withUrl("http://127.0.0.1:2004"));
  assertEquals(parseClusterText(`\ufeff${text}`), parseClusterText(text));
  assertThrows(() => parseClusterText(`\ufeff\ufeff${text}`), TypeError, "expected a cluster file in JSON");
});
