/** Names that stand twice in a file, of which all but the last would count for nothing. */
import { assertEquals, assertThrows } from "@std/assert";
import { DEFAULT_LIMITS } from "../../src/core/config.ts";
import { readClusterText, repeatedName } from "../../src/wire/mod.ts";

Deno.test("a name that an object in JSON has twice is found, with its path", () => {
  const cases: readonly (readonly [text: string, path: string | null])[] = [
    [`{}`, null],
    [`5`, null],
    [`"a:a"`, null],
    [`{"a":1,"b":{"a":2,"c":[{"a":3},{"a":4}]},"c":"\\"a\\":"}`, null],
    [`{"a":1,"a":1}`, "a"],
    [`{"a":1,"\\u0061":1}`, "a"],
    [`{"urls":{"Apple":"x","Ball":"y","Apple":"z"}}`, "urls.Apple"],
    [`{"a":{"b":1},"c":2,"a":{"b":1}}`, "a"],
    [`{"list":[1,{"n":"}"},{"n":1,"m":"\\\\","n":2}]}`, "list.n"],
    [`{"__proto__":1,"constructor":2}`, null],
    [`{"__proto__":1,"__proto__":2}`, "__proto__"],
  ];
  for (const [text, path] of cases) {
    JSON.parse(text);
    assertEquals(repeatedName(text), path, text);
  }
  const long = JSON.stringify({ a: "\\".repeat(200_000), b: "[{".repeat(100_000) });
  assertEquals(repeatedName(long), null);
});

Deno.test("a cluster file that gives a URL twice is refused, and says whose", () => {
  const names = ["Apple", "Ball", "Candy", "Dog"];
  const genesis = {
    name: "fruit",
    replicas: names.map((name, i) => ({ name, publicKey: `${i}a`.repeat(32) })),
    checkpointInterval: 64,
    logWindow: 256,
    stateMachine: "key-value/1",
    limits: DEFAULT_LIMITS,
  };
  const urls = Object.fromEntries(names.map((name) => [name, `http://${name}.test`]));
  const text = JSON.stringify({ genesis, urls });
  assertEquals(Object.keys(readClusterText(text).urls), names);
  const twice = text.replace(`"Ball":"http`, `"Apple":"http://other.test","Ball":"http`);
  assertThrows(() => readClusterText(twice), TypeError, "cluster.urls.Apple: expected one value, got two");
});
