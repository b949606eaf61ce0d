/** The npm package in a fresh project: on each runtime, for the TypeScript compiler, and its command. It is packed and installed once. */
import { assertEquals, assertMatch } from "@std/assert";
import { Dev, pbft, type Ran } from "../cli/_dev.ts";
import { eventually } from "../e2e/_cluster_process.ts";
import { textOf } from "../tools/files.ts";
import { inFolder } from "../tools/folder.ts";
import { codeBlocks } from "../tools/markdown.ts";
import { packForNpm } from "../tools/npm_package.ts";
import { freeRange } from "../tools/ports.ts";
import { PROGRAM, run, WATCHED } from "./_program.ts";
import { bun, nodeOf } from "./_runtimes.ts";

const NO_SQLITE =
  "this runtime has no node:sqlite; Deno 2.2, Node 22.13 and later have it. Use one of these, or keep the " +
  "state in memory (--memory, or memory in place of the file), with a start as new the first time, and as recover each later time";

/** README's program with the import that it names for Node, on four ports that are free. */
function readmeProgram(): string {
  const { code } = codeBlocks(textOf("README.md")!).find(({ code }) => code.includes("@pbft/edge/deno"))!;
  const program = code.replace(`"@pbft/edge/deno"`, `"@pbft/edge/node"`).replace("17101 + i", `${freeRange(4)} + i`);
  assertEquals(program.includes("17101") || program.includes(`"@pbft/edge/deno"`), false);
  return program;
}

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

const COUNTER = `
import { snapshotMachine } from "@pbft/edge/machines";
const encode = (value) => new TextEncoder().encode(JSON.stringify(value));
export default function createCounter() {
  let count = 0;
  return snapshotMachine({
    version: "counter/1",
    // A read is ordered if the replicas differ in their numbers, as on a busy machine.
    execute: (operation) => encode(new TextDecoder().decode(operation).includes("count") ? count : ++count),
    query: () => encode(count),
    snapshot: () => encode(count),
    restore: (bytes) => void (count = JSON.parse(new TextDecoder().decode(bytes))),
  });
}
export const workload = { operation: () => encode("next") };
`;

/** Whether the Node that is here has SQLite. */
async function hasSqlite(): Promise<boolean> {
  const { success } = await new Deno.Command("node", { args: ["-e", "require('node:sqlite')"], stderr: "null" })
    .output();
  return success;
}

Deno.test("the npm package works under Node 20 and 22, and under Bun; it has all its types, and the command pbft", async (t) => {
  await inFolder(async (folder) => {
    await packForNpm(`${folder}/edge.tgz`);
    await Deno.writeTextFile(`${folder}/package.json`, `{ "private": true, "type": "module" }`);
    const packages = ["./edge.tgz", "typescript@5", "@types/node@22", "tsx@4", "valibot@1"];
    await run(folder, "npm", "install", "--no-audit", "--no-fund", ...packages);

    await Deno.writeTextFile(`${folder}/program.mjs`, PROGRAM);
    const runtimes = { node20: await nodeOf(20, 16), node22: await nodeOf(22, 13), bun: await bun() };
    for (const [name, command] of Object.entries(runtimes)) {
      await t.step(`a program under ${name}`, async () => {
        const out = await run(folder, command, "program.mjs", `${folder}/${name}.db`);
        assertEquals(out, `1 1 function ${name === "node20" ? NO_SQLITE : "sqlite"}\n${WATCHED}`, name);
        if (name === "bun") return;
        await Deno.writeTextFile(`${folder}/readme.mjs`, readmeProgram());
        assertEquals(await run(folder, command, "readme.mjs"), "OK Ada", name);
      });
    }

    await t.step("a strict TypeScript project compiles against it", async () => {
      const compilerOptions = {
        ...{ module: "nodenext", target: "es2024", strict: true, exactOptionalPropertyTypes: true, noEmit: true },
        // Of every declaration, ours and those that ours need.
        skipLibCheck: false,
        lib: ["es2024", "dom", "dom.iterable", "esnext.disposable"],
        types: ["node"],
      };
      await Deno.writeTextFile(`${folder}/tsconfig.json`, JSON.stringify({ compilerOptions, files: ["typed.ts"] }));
      await Deno.writeTextFile(`${folder}/typed.ts`, TYPED);
      await run(folder, `${folder}/node_modules/.bin/tsc`, "-p", ".");
    });

    // As `npx @pbft/edge` runs it, under the Node that is here.
    await Deno.writeTextFile(`${folder}/counter.mjs`, COUNTER);
    const program = [`${folder}/node_modules/.bin/pbft`];
    const call = (...args: string[]): Promise<Ran> => pbft(args, { cwd: folder, program });
    await t.step("pbft: version, help and errors", async () => {
      assertMatch((await call("version")).out, /^pbft \d+\.\d+\.\d+ \(node \d+/);
      assertEquals((await call("--help")).code, 0);
      assertMatch((await call("get", "a")).err, /^error: no cluster file: .*\n {2}looked in .*\n {2}next: /);
      assertEquals((await call("get")).code, 2);
      if (Deno.build.os !== "linux") return;
      const full = new Deno.Command("sh", { args: ["-c", `"$0" version > /dev/full`, ...program] });
      const { code, stderr } = await full.output();
      assertEquals(code, 1);
      assertMatch(new TextDecoder().decode(stderr), /^error: standard output: No space left on device; .*\n$/);
    });
    await t.step("pbft simulate", async () => {
      const { code, out } = await call("simulate", "counter.mjs", "--runs", "1", "--replicas", "4");
      assertEquals([code, out.split("\n").length], [0, 1], out);
    });
    await t.step("the machine of the docs, in TypeScript, under any Node", async () => {
      const blocks = codeBlocks(textOf("docs/state_machine.md")!).map(({ code }) => code);
      const machine = blocks.find((code) => code.includes("export const bank = defineMachine"))!;
      const test = blocks.find((code) => code.includes("testMachine(bank)"))!;
      await Deno.writeTextFile(`${folder}/bank.ts`, machine.replace(/"npm:valibot@[\d.]+"; .*/, `"valibot";`));
      await Deno.writeTextFile(`${folder}/bank_test.ts`, test);
      assertEquals((await run(folder, "node_modules/.bin/tsx", "bank_test.ts")).split("\n")[0], "5");
      const { code, out, err } = await call("simulate", "bank.ts", "--runs", "1", "--replicas", "4");
      assertEquals([code, out.split("\n").length], [0, 1], out + err);
      const bank = await Dev.start(folder, ["bank.ts", "--memory", "--page", "none"], program);
      try {
        assertMatch(bank.out.all[0]!, /^bank\/1 on 4 replicas/);
        assertEquals((await call("call", "deposit", `{"account":"ada","amount":5}`)).out, `{"balance":5}`);
        await Deno.writeTextFile(
          `${folder}/bank.ts`,
          `${await Deno.readTextFile(`${folder}/bank.ts`)}\nlet n: number = "1";\n`,
        );
        await bank.err.find(/bank\.ts changed: type check failed/);
      } finally {
        bank.interrupt();
        assertEquals(await bank.ended(), 0);
      }
    });
    const dev = await Dev.start(folder, ["counter.mjs", "--memory"], program);
    try {
      await t.step("pbft dev, call, ask, watch, check and repl", async () => {
        assertMatch(dev.out.all[0]!, /^counter\/1 on 4 replicas/);
        assertEquals((await call("call", "next")).out, "1");
        assertEquals((await call("ask", "count")).out, "1");
        const watched = await call("watch", "--batches", "--from", "1", "--limit", "1", "--json");
        assertEquals([watched.code, JSON.parse(watched.out).kind], [0, "batch"], watched.err);
        assertMatch((await call("check")).out, /^HEALTHY|^DEGRADED/);
        assertEquals((await pbft(["repl"], { cwd: folder, program, input: "call next\nask count\n" })).out, "2\n2");
      });
      await t.step("pbft snapshot: what needs SQLite says where there is one, and leaves nothing", async () => {
        // To the first checkpoint of a cluster that dev makes, and a little further.
        await pbft(["repl"], { cwd: folder, program, input: "call next\n".repeat(70) });
        await eventually("a checkpoint is stable", async () => (await call("snapshot", "save", "backups")).code === 0);
        assertEquals((await call("snapshot", "verify", "backups")).code, 0);
        const restored = await call("snapshot", "restore", "backups", "--name", "Dog", "--state", "dog.db");
        const isThere = await Deno.stat(`${folder}/dog.db`).then(() => true, () => false);
        if (await hasSqlite()) assertEquals([restored.code, isThere], [0, true], restored.err);
        else {
          assertEquals([restored.code, isThere], [2, false]);
          assertEquals(
            restored.err,
            "error: --state: this runtime has no node:sqlite, which a state file needs\n  next: run this command with Deno, or with Node 22.13 or later",
          );
        }
      });
    } finally {
      dev.interrupt();
      assertEquals(await dev.ended(), 0);
    }
  });
});
