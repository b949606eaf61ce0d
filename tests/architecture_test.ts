import { assertEquals, assertGreater } from "@std/assert";
import { filesUnder, textOf } from "./tools/files.ts";
import {
  circleViolations,
  folderViolations,
  importViolations,
  lengthViolations,
  nameViolations,
  newerViolations,
  portabilityViolations,
  sharingViolations,
} from "./tools/architecture.ts";

/** Files over the limit, and why one idea needs so much room. */
const longFiles: Record<string, string> = {
  "src/core/tree/leaf_map.ts": "one data structure: every operation keeps the same order of the leaves",
  "src/testing/adversary/byzantine_replica.ts":
    "one liar: each of its ways to lie draws on the same memory of what was sent",
  "src/testing/invariants/vote_checker.ts": "one switch over the records and one over the messages, against one memory",
};
const mostLines = 300;

/** Folders over the limit, and why they are one room. */
const largeFolders: Record<string, string> = {};
const mostFiles = 12;

const published = textsOf(["mod.ts", ...filesUnder("src", ".ts")]);
const tests = textsOf(filesUnder("tests", ".ts"));

function textsOf(paths: readonly string[]): Map<string, string> {
  return new Map(paths.flatMap((path) => {
    const text = textOf(path);
    return text === undefined ? [] : [[path, text] as const];
  }));
}

Deno.test("the published code is found", () => assertGreater(published.size, 7));
Deno.test("imports point down only, and to nothing but the packages of their folder", () => {
  assertEquals(importViolations(published), []);
});
Deno.test("the core is pure, and each folder keeps off the names that are not its business", () => {
  assertEquals(nameViolations(published), []);
});
Deno.test("nothing is used that Node 20.16 does not have, but where it is asked for first", () => {
  assertEquals(newerViolations(published), []);
  const planted = newerViolations(house({ "src/cli/a.ts": "const { promise } = Promise.withResolvers<void>();\n" }));
  assertEquals(planted, ["src/cli/a.ts:1 Promise.withResolvers is not in Node 20.16"]);
});
Deno.test("what a client imports runs in browsers: no node: and no Deno", () => {
  assertEquals(portabilityViolations(published), []);
});
Deno.test("no test changes variables or the directory of its process, which it shares with tests of other files", () => {
  assertGreater(tests.size, 200);
  assertEquals(sharingViolations(tests), []);
  const planted = [
    ...[`Deno.env.set("PBFT_LOG", "silent");`, `Deno.env.delete("PBFT_LOG");`, `Deno.chdir(folder);`],
    ...[`process.env.PBFT_LOG = "silent";`, `process.env["PBFT_LOG"] ??= "silent";`, `delete process.env.PBFT_LOG;`],
    ...[`process.env = {};`, `Object.assign(process.env, { PBFT_LOG: "silent" });`, `process.chdir(folder);`],
  ];
  for (const text of planted) {
    assertEquals(sharingViolations(new Map([["tests/a_test.ts", `f();\n${text}\n`]])).length, 1, text);
  }
  const reading = `const { PBFT_LOG } = process.env;
    if (process.env.PBFT_LOG === "silent" || Deno.env.get("PBFT_LOG")) run({ env: { ...process.env } }); // Deno.chdir
    const read = (name = process.env.NAME) => process.env[name], has = process.env.A == null;`;
  assertEquals(sharingViolations(new Map([["tests/a_test.ts", reading]])), []);
});
Deno.test(`no file is longer than ${mostLines} lines without a reason`, () => {
  assertEquals(lengthViolations(published, mostLines, longFiles), []);
});
Deno.test("no files import each other in a circle", () => {
  assertEquals(circleViolations(published), []);
});
Deno.test(`no folder has more than ${mostFiles} files without a reason`, () => {
  assertEquals(folderViolations(published, mostFiles, largeFolders), []);
});

/** A small house in which all holds, with one file more or other. */
function house(files: Record<string, string>): Map<string, string> {
  return new Map(Object.entries({
    "src/core/ids.ts": "export type View = number;\n",
    "src/wire/mod.ts": `import type { View } from "../core/ids.ts";\nimport { encode } from "cborg";\n`,
    "src/crypto/mod.ts": `import { sign } from "node:crypto";\nimport type { Signer } from "../node/ports.ts";\n`,
    "src/crypto/web.ts": `export const subtle = crypto.subtle;\n`,
    "src/node/ports.ts": "export interface Signer {}\n",
    "src/http/mod.ts": `import { Hono } from "hono";\nimport { stream } from "hono/streaming";\n`,
    "src/client/mod.ts": `import { subtle } from "../crypto/web.ts";\n`,
    ...files,
  }));
}

Deno.test("a house that keeps the rules has no violation", () => {
  const clean = house({});
  assertEquals(importViolations(clean), []);
  assertEquals(nameViolations(clean), []);
  assertEquals(portabilityViolations(clean), []);
  assertEquals(circleViolations(clean), []);
});

const planted: readonly [name: string, path: string, text: string, violations: string[]][] = [
  ["an arrow up", "src/core/a.ts", `import { x } from "../wire/mod.ts";`, ["must not import src/wire/mod.ts"]],
  [
    "an arrow up, by type",
    "src/core/a.ts",
    `import type { x } from "../wire/mod.ts";`,
    ["must not import types of src/wire/mod.ts"],
  ],
  ["an arrow up, re-exported", "src/core/a.ts", `export * from "../wire/mod.ts";`, ["must not import src/wire/mod.ts"]],
  [
    "an arrow up, over lines",
    "src/core/a.ts",
    `import {\n  x,\n  y as z, // why\n} from\n  "../wire/mod.ts";`,
    ["must not import src/wire/mod.ts"],
  ],
  ["an arrow up, dynamic", "src/core/a.ts", `await import("../wire/mod.ts");`, ["must not import src/wire/mod.ts"]],
  ["an arrow up, for its effect", "src/core/a.ts", `import "../wire/mod.ts";`, ["must not import src/wire/mod.ts"]],
  [
    "an arrow up, in a type",
    "src/core/a.ts",
    `type X = import("../wire/mod.ts").X;`,
    ["must not import src/wire/mod.ts"],
  ],
  ["an import in a template's hole", "src/core/a.ts", "`${await import('hono')}`", ["must not import hono"]],
  ["an import that is computed", "src/core/a.ts", "import(name)", ["imports what is computed"]],
  [
    "an import in a comment or a string",
    "src/core/a.ts",
    "// import 'hono'\nf(\"import 'hono'\", `import 'hono'`);",
    [],
  ],
  ["a package that is not the folder's", "src/wire/a.ts", `import { x } from "hono";`, ["must not import hono"]],
  ["a package with a like name", "src/wire/a.ts", `import { x } from "cborg2";`, ["must not import cborg2"]],
  ["@std in published code", "src/cli/a.ts", `import { delay } from "@std/async";`, ["must not import @std/async"]],
  [
    "more than types of the ports, from crypto",
    "src/crypto/a.ts",
    `import { x } from "../node/ports.ts";`,
    ["must not import src/node/ports.ts"],
  ],
  ["tests from published code", "src/cli/a.ts", `import "../../tests/x.ts";`, [
    "imports tests/x.ts, which is not there or not published",
  ]],
  ["the front door from inside", "src/cli/a.ts", `import "../../mod.ts";`, ["must not import mod.ts"]],
];

for (const [name, path, text, violations] of planted) {
  Deno.test(`the check of imports ${violations.length > 0 ? "catches" : "lets pass"} ${name}`, () => {
    const found = importViolations(house({ [path]: text, "mod.ts": "" }));
    assertEquals(found, violations.map((why) => `${path}:1 ${why}`));
  });
}

Deno.test("the check of imports catches folders without a rule", () => {
  assertEquals(importViolations(house({ "src/new/a.ts": "", "src/loose.ts": "" })), [
    "src/new/a.ts: no rule for its folder; name it in tests/tools/architecture.ts",
    "src/loose.ts: no rule for its folder; name it in tests/tools/architecture.ts",
  ]);
});

const impurities = [
  "await x;",
  "async function f() {}",
  "new Date();",
  "Date.now();",
  "Math.random();",
  "Math\n  .random();",
  "fetch('/');",
  "Deno.args;",
  "setTimeout(f);",
  "setInterval(f);",
  "queueMicrotask(f);",
  "console.log();",
  "performance.now();",
  "crypto.subtle;",
  "process.env;",
  "globalThis.Deno;",
  "new Promise(f);",
  "f(`${Date.now()}`);",
  "f(...Date.x);",
  "x = a / 2; y = Date / 2;",
];

for (const text of impurities) {
  Deno.test(`the check of the core's purity catches ${JSON.stringify(text)}`, () => {
    assertEquals(nameViolations(house({ "src/core/a.ts": text })).length, 1);
  });
}

Deno.test("the check of purity lets comments, strings, expressions, properties and longer names pass", () => {
  const text = `
    /* await Date */ // console
    const fetched = x.fetch, dated = "Date", quoted = 'it\\'s Date', kind = { fetch: 1 };
    const pattern = /Date"[/]Date/, shown = \`Date \${x ? "Date" : \`Date\`} Date\`;
    interface Fetch { process?: number }
    this.#crypto = consoles;`;
  assertEquals(nameViolations(house({ "src/core/a.ts": text })), []);
});

Deno.test("the check of names keeps timers and clocks out of the node, and Deno out of the adapters", () => {
  const found = nameViolations(house({
    "src/node/a.ts": "await x;\nsetTimeout(f);\nDate.now();\nAbortSignal.timeout(5);",
    "src/http/a.ts": "Date.now();\nDeno.serve();",
    "src/runtime/a.ts": "Deno.serve();",
  }));
  assertEquals(found, [
    "src/node/a.ts:2 must not use setTimeout",
    "src/node/a.ts:3 must not use Date",
    "src/node/a.ts:4 must not use AbortSignal.timeout",
    "src/http/a.ts:2 must not use Deno",
  ]);
});

Deno.test("the check of portability follows what a client imports", () => {
  const found = portabilityViolations(house({
    "src/client/a.ts": `import { sign } from "../crypto/mod.ts";\nimport type { X } from "../stores/a.ts";`,
    "src/stores/a.ts": `import "node:sqlite";`,
    "src/crypto/web_key.ts": "Buffer.from(x);",
  }));
  assertEquals(found, [
    "src/crypto/mod.ts:1 must be portable (imported by src/client/a.ts): node:crypto",
    "src/crypto/web_key.ts:1 must be portable (imported by itself): Buffer",
  ]);
});

Deno.test("the check of lengths wants a reason for a long file, and no reason without one", () => {
  const sources = new Map([["src/a.ts", "x\n".repeat(4)], ["src/b.ts", "x\n".repeat(3)]]);
  assertEquals(lengthViolations(sources, 3, {}), ["src/a.ts has 4 lines"]);
  assertEquals(lengthViolations(sources, 3, { "src/a.ts": "a table" }), []);
  assertEquals(lengthViolations(sources, 4, { "src/b.ts": "a table" }), ["src/b.ts is named as long and is not"]);
});

const circles: readonly [name: string, files: Record<string, string>, violations: string[]][] = [
  ["lets pass two ways to one file", {
    "src/core/a.ts": `import "./b.ts";\nimport "./c.ts";`,
    "src/core/b.ts": `import "./c.ts";`,
    "src/core/c.ts": "",
  }, []],
  ["catches a circle by value", {
    "src/core/a.ts": `import { b } from "./b.ts";`,
    "src/core/b.ts": `import { a } from "./a.ts";`,
  }, ["src/core/a.ts, src/core/b.ts: a circle of 2 files"]],
  ["catches a circle by type", {
    "src/core/a.ts": `import type { B } from "./b.ts";`,
    "src/core/b.ts": `type A = import("./a.ts").A;`,
  }, ["src/core/a.ts, src/core/b.ts: a circle of 2 files"]],
  ["catches a circle over three files in two folders, one of which is re-exported", {
    "src/core/a.ts": `export * from "./rooms/b.ts";`,
    "src/core/rooms/b.ts": `import type { C } from "./c.ts";`,
    "src/core/rooms/c.ts": `import { a } from "../a.ts";`,
    "src/core/d.ts": `import { a } from "./a.ts";`,
  }, ["src/core/a.ts, src/core/rooms/b.ts, src/core/rooms/c.ts: a circle of 3 files"]],
  ["catches two circles", {
    "src/core/a.ts": `import "./b.ts";`,
    "src/core/b.ts": `import "./a.ts";\nimport "./c.ts";`,
    "src/core/c.ts": `import "./d.ts";`,
    "src/core/d.ts": `import "./c.ts";`,
  }, ["src/core/a.ts, src/core/b.ts: a circle of 2 files", "src/core/c.ts, src/core/d.ts: a circle of 2 files"]],
  ["catches a file that imports itself", {
    "src/core/a.ts": `import type { A } from "./a.ts";`,
  }, ["src/core/a.ts: a circle of 1 files"]],
];

for (const [name, files, violations] of circles) {
  Deno.test(`the check of circles ${name}`, () => assertEquals(circleViolations(house(files)), violations));
}

Deno.test("the check of folders wants a reason for a large one, and no reason without one", () => {
  const sources = new Map(["a/1.ts", "a/2.ts", "a/3.ts", "a/b/1.ts", "a/b/2.ts", "mod.ts"].map((path) => [path, ""]));
  assertEquals(folderViolations(sources, 2, {}), ["a has 3 files"]);
  assertEquals(folderViolations(sources, 2, { a: "one page each" }), []);
  assertEquals(folderViolations(sources, 3, { a: "one page each" }), ["a is named as large and is not"]);
});
