import { assert, assertEquals, assertThrows } from "@std/assert";
import { chainFromVariables, replicaFromVariables, storeName } from "../../src/runtime/identity/environment.ts";
import { genesisOf, keyPairOf, NAMES } from "../node/_cluster.ts";

const urls = Object.fromEntries(NAMES.map((name) => [name, `https://${name}.example`]));
const { privateKey } = keyPairOf(2);
const variables = {
  PBFT_CLUSTER: JSON.stringify({ genesis: genesisOf(4), urls }),
  PBFT_REPLICA: "Ball",
  PBFT_PRIVATE_KEY: `${privateKey}\n`,
};

function read(changes: Partial<Record<string, string | undefined>> = {}) {
  const all: Record<string, string | undefined> = { ...variables, ...changes };
  return replicaFromVariables((name) => all[name]);
}

Deno.test("variables say which replica of which cluster a process is", () => {
  const { self, cluster, privateKey: key } = read();
  assertEquals([self as number, cluster.urls.Dog, key], [1, "https://Dog.example", privateKey]);
});

Deno.test("a variable says what the store is; by default it is resumed", () => {
  const starts = [{}, { PBFT_START: "" }, { PBFT_START: " new\n" }, { PBFT_START: "resume" }, { PBFT_LOST_DISK: "1" }];
  assertEquals(starts.map((said) => read(said).start), [undefined, undefined, "new", "resume", "recover"]);
});

Deno.test("PBFT_REPLICA may be the member's number, as the error about it says", () => {
  assertEquals(read({ PBFT_REPLICA: "1" }).self as number, 1);
  assertEquals(read({ PBFT_REPLICA: " 1\n" }).self as number, 1);
});

/** The key of somebody who is no member in the genesis. */
const later = { PBFT_REPLICA: "Eagle", PBFT_PRIVATE_KEY: keyPairOf(9).privateKey };

Deno.test("a member of later epochs has a name that the genesis need not know, and a store of its own", () => {
  const urls = "https://a.example,\n https://b.example/x";
  const { self, chain, join } = read({ ...later, PBFT_JOIN: urls });
  assertEquals([self, chain, join], ["Eagle", [], ["https://a.example", "https://b.example/x"]]);
  const rotated = { ...later, PBFT_REPLICA: "Ball", PBFT_JOIN: "https://a.example" };
  const names = [variables, { PBFT_JOIN: "https://a.example" }, rotated, { ...later, PBFT_CHAIN: '{"links":[]}' }];
  const key = keyPairOf(9).publicKey.slice(0, 16);
  assertEquals(names.map((said) => storeName(read(said))), ["Ball", "Ball", `Ball-${key}`, `Eagle-${key}`]);
});

Deno.test("the chain of epochs may be given as GET /epochs gives it", () => {
  const chain = JSON.stringify({ cluster: "x", epoch: 2, after: 0, links: ["AAE=", "Ag=="] });
  const get = (name: string) => ({ PBFT_CHAIN: ` ${chain}\n` })[name as "PBFT_CHAIN"];
  assertEquals(chainFromVariables(get), { chain: [new Uint8Array([0, 1]), new Uint8Array([2])] });
  assertEquals(chainFromVariables(() => undefined), {});
});

for (
  const [name, value, why] of [
    ["PBFT_REPLICA", "Eagle!", "expected a name of 1 to 32 letters"],
    ["PBFT_JOIN", "a.example", "expected URLs of running members"],
    ["PBFT_JOIN", "https://a.example ftp://b.example", "got ftp://b.example"],
    ["PBFT_CHAIN", "c0ffee".repeat(11), "as JSON, got 66 characters that are not JSON"],
    ["PBFT_CHAIN", "null", "links: expected a list"],
    ["PBFT_CHAIN", '{"after":1,"links":[]}', "after: expected 0, got 1"],
    ["PBFT_CHAIN", '{"links":["?"]}', "links[0]: expected base64"],
  ] as const
) {
  Deno.test(`for a later member ${name}=${value} is refused with the reason`, () => {
    const all = { ...later, PBFT_JOIN: "https://a.example", [name]: value };
    const { message } = assertThrows(() => read(all), TypeError, why);
    assert(message.includes(name) && !message.includes("c0ffee"), message);
  });
}

for (
  const [name, value, why] of [
    ["PBFT_CLUSTER", undefined, "expected a value, got nothing"],
    ["PBFT_CLUSTER", "{", "JSON"],
    // V8 would show the first ten characters of what is no JSON.
    ["PBFT_CLUSTER", "c0ffee".repeat(11), "JSON, got 66 characters that are not JSON"],
    ["PBFT_CLUSTER", "{}", "cluster.genesis"],
    ["PBFT_REPLICA", "Elk", `expected one of Apple, Ball, Candy, Dog or its number, got "Elk"`],
    ["PBFT_START", "fresh", 'expected new, resume or recover, got "fresh"'],
    ...["4", "-1", "0x1", "1.0", "1e0", "constructor", "__proto__"].map((value) =>
      ["PBFT_REPLICA", value, `expected one of Apple, Ball, Candy, Dog or its number, got "${value}"`] as const
    ),
    ["PBFT_PRIVATE_KEY", " ", "expected a value, got nothing"],
    ["PBFT_PRIVATE_KEY", "c0ffee", "expected 64 lower-case hex digits"],
  ] as const
) {
  Deno.test(`${name}=${value ?? ""} is refused with the reason, and without the value of a secret`, () => {
    const { message } = assertThrows(() => read({ [name]: value }), TypeError, why);
    assert(message.includes(name) && !message.includes("c0ffee"), message);
  });
}
