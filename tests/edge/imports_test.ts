import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { filesUnder, root, textOf } from "../tools/files.ts";
import { codeBlocks } from "../tools/markdown.ts";
import { packForNpm } from "../tools/npm_package.ts";
import { freeRange } from "../tools/ports.ts";

/**
 * What would be published, in a fresh project that knows nothing of this repository, on each runtime. One program has a cluster
 * of one, on SQLite if the runtime has it, and invokes an operation with our client.
 */
const PROGRAM = `
import { DEFAULT_LIMITS, generateKeyPair, MemoryStore } from "@pbft/edge";
import { Client, parseClusterFile } from "@pbft/edge/client";
import { DurableObjectStore } from "@pbft/edge/cloudflare";
import { openReplica, SqliteStore } from "@pbft/edge/node";
import process from "node:process";
const { publicKey, privateKey } = generateKeyPair();
const replicas = [{ name: "Apple", publicKey }];
const rest = { checkpointInterval: 16, logWindow: 32, stateMachine: "key-value/1", limits: DEFAULT_LIMITS };
const cluster = parseClusterFile({ genesis: { name: "fresh", replicas, ...rest }, urls: { Apple: "http://apple.example" } });
let kind = "sqlite";
const store = await SqliteStore.open(process.argv.at(-1)).catch((error) => {
  kind = error.message.split(": ").at(-1);
  return new MemoryStore();
});
const replica = await openReplica({ cluster, self: "Apple", privateKey, store });
const client = new Client({ cluster, fetch: async (input, init) => await replica.fetch(new Request(input, init)) });
console.log(await client.invoke("INCR n"), await client.query("GET n"), typeof DurableObjectStore, kind);
client.close();
await replica.close();
process.exit(0);
`;

const NO_SQLITE = "this runtime has no node:sqlite; Deno 2.2, Node 22.13 and later have it";

async function run(cwd: string | URL, command: string, ...args: readonly string[]): Promise<string> {
  const output = await new Deno.Command(command, { args: [...args], cwd, env: { NO_COLOR: "1" }, stdin: "null" })
    .output();
  const [out, error] = [output.stdout, output.stderr].map((bytes) => new TextDecoder().decode(bytes));
  if (!output.success) throw new Error(`${command} ${args.join(" ")}: ${out}${error}`);
  return out!.trim();
}

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/program.mjs`, PROGRAM);
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** README's program with the import that it names for Node, on four ports that are free. */
function readmeProgram(): string {
  const { code } = codeBlocks(textOf("README.md")!).find(({ code }) => code.includes("@pbft/edge/deno"))!;
  const program = code.replace(`"@pbft/edge/deno"`, `"@pbft/edge/node"`).replace("17101 + i", `${freeRange(4)} + i`);
  assertEquals(program.includes("17101") || program.includes(`"@pbft/edge/deno"`), false);
  return program;
}

/** The published files, and an import map that does what JSR does with them. */
async function copyPublished(folder: string): Promise<void> {
  const config = JSON.parse(await Deno.readTextFile(new URL("deno.json", root)));
  for (const path of ["mod.ts", ...filesUnder("src", ".ts")]) {
    await Deno.mkdir(`${folder}/edge/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
    await Deno.copyFile(new URL(path, root), `${folder}/edge/${path}`);
  }
  const exports = Object.entries(config.exports as Record<string, string>);
  const own = exports.map(([name, path]) => [`@pbft/edge${name.slice(1)}`, path.replace("./", "./edge/")]);
  const packages = Object.entries(config.imports as Record<string, string>).filter(([, to]) => to.startsWith("npm:"));
  const below = packages.map(([name, to]) => [`${name}/`, `${to.replace("npm:", "npm:/")}/`]);
  const imports = Object.fromEntries([...own, ...packages, ...below]);
  await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify({ imports }));
}

Deno.test("nothing that is published imports what is local", async () => {
  const listed = await new Deno.Command(Deno.execPath(), {
    args: ["publish", "--dry-run", "--allow-dirty", "--no-check"],
    cwd: root,
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder().decode(listed.stderr);
  assertStringIncludes(text, "Success Dry run complete");
  const files = text.match(/file:\S+/g)!.map((url) => url.slice(new URL("../../", import.meta.url).href.length));
  assert(files.includes("mod.ts"));
  assertEquals(files.filter((path) => /^(tests|examples)\//.test(path)), []);
});

for (const version of ["2.5.0", "2.9.6"]) {
  Deno.test(`a fresh project imports it under Deno ${version}`, () =>
    inFolder(async (folder) => {
      await copyPublished(folder);
      const deno = Deno.version.deno === version ? [Deno.execPath()] : ["npx", "--yes", `deno@${version}`];
      const args = [...deno.slice(1), "run", "-A", "--quiet", "program.mjs", `${folder}/db`];
      assertEquals(await run(folder, deno[0]!, ...args), "1 1 function sqlite");
    }));
}

Deno.test("the npm package works under Node 20 and 22, and under Bun", () =>
  inFolder(async (folder) => {
    await packForNpm(`${folder}/edge.tgz`);
    await Deno.writeTextFile(`${folder}/package.json`, `{ "private": true, "type": "module" }`);
    const runtimes = { node20: "node@20", node22: "node@22", bun: "bun@1" };
    await Promise.all(
      Object.entries(runtimes).map(async ([name, runtime]) => {
        const project = `${folder}/${name}`;
        await Deno.mkdir(project);
        await Deno.copyFile(`${folder}/program.mjs`, `${project}/program.mjs`);
        const packages = [`${folder}/edge.tgz`, runtime];
        await run(project, "npm", "install", "--no-audit", "--no-fund", "--prefix", project, ...packages);
        const command = `${project}/node_modules/.bin/${name.replace(/\d+$/, "")}`;
        const out = await run(project, command, "program.mjs", `${project}/db`);
        assertEquals(out, `1 1 function ${name === "node20" ? NO_SQLITE : "sqlite"}`, name);
        if (name === "bun") return;
        await Deno.writeTextFile(`${project}/readme.mjs`, readmeProgram());
        assertEquals(await run(project, command, "readme.mjs"), "OK Ada", name);
      }),
    );
  }));

/** Uses every export, and what types are for. */
const TYPED = `
import * as all from "@pbft/edge";
import { Client, type Outcome, parseClusterFile } from "@pbft/edge/client";
import * as cli from "@pbft/edge/cli";
import { type ObjectContext, ReplicaObject, type WorkerEnvironment } from "@pbft/edge/cloudflare";
import * as deno from "@pbft/edge/deno";
import { createApp, rateLimit } from "@pbft/edge/hono";
import { KeyValue, snapshotMachine } from "@pbft/edge/machines";
import * as node from "@pbft/edge/node";
import { type ClientRequest, decodeFrame } from "@pbft/edge/protocol";
import { simulate } from "@pbft/edge/testing";
export { all, cli, createApp, decodeFrame, deno, KeyValue, node, rateLimit, simulate, snapshotMachine };
export type Message = ClientRequest;
// The options of both are the same.
export const serve: typeof deno.serve = node.serve;
export class Replica extends ReplicaObject {}
export type Pair = readonly [ObjectContext, WorkerEnvironment];
const client = new Client({ cluster: parseClusterFile({}), timeoutMs: 1 });
export const outcome: Outcome = await client.submit("GET a");
export const text: string = await client.invoke<string>({ op: "get", key: "a" });
// @ts-expect-error An operation is no number.
await client.invoke(5);
// @ts-expect-error There is no such option.
new Client({ cluster: parseClusterFile({}), patience: 1 });
// @ts-expect-error Nothing is any.
outcome.nothing;
`;

Deno.test("the npm package has all its types: a strict TypeScript project compiles against it", () =>
  inFolder(async (folder) => {
    await packForNpm(`${folder}/edge.tgz`);
    const compilerOptions = {
      ...{ module: "nodenext", target: "es2024", strict: true, exactOptionalPropertyTypes: true, noEmit: true },
      // Of every declaration, ours and those that ours need.
      skipLibCheck: false,
      lib: ["es2024", "dom", "dom.iterable", "esnext.disposable"],
      types: ["node"],
    };
    await Deno.writeTextFile(`${folder}/package.json`, `{ "private": true, "type": "module" }`);
    await Deno.writeTextFile(`${folder}/tsconfig.json`, JSON.stringify({ compilerOptions, files: ["typed.ts"] }));
    await Deno.writeTextFile(`${folder}/typed.ts`, TYPED);
    await run(
      folder,
      "npm",
      "install",
      "--no-audit",
      "--no-fund",
      `${folder}/edge.tgz`,
      "typescript@5",
      "@types/node@22",
    );
    await run(folder, `${folder}/node_modules/.bin/tsc`, "-p", ".");
  }));
