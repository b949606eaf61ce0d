/** What a file may export for `pbft dev`, `serve` and `simulate`. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { CliError } from "../../src/cli/cli_error.ts";
import { inspectMachine } from "../../src/cli/machine/inspect.ts";
import { type LoadedMachine, loadMachine } from "../../src/cli/machine/load.ts";
import { loadSafely } from "../../src/cli/machine/load_safely.ts";
import { inFolder } from "../tools/folder.ts";

const BODY = `{
  version = "counter/1";
  execute() { return new Uint8Array(); }
  query() { return new Uint8Array(); }
  takeChanges() { return []; }
  restore() {}
}`;
const WORKLOAD = `export const workload = { operation: () => new Uint8Array() };`;

async function loaded(source: string): Promise<LoadedMachine> {
  let machine: LoadedMachine | null = null;
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/machine.mjs`, source);
    machine = await loadMachine(`${folder}/machine.mjs`);
  });
  return machine!;
}

Deno.test("a machine is a function that makes it, or its class, by whatever export", async () => {
  const sources = {
    "a function": `class Counter ${BODY}; export const create = () => new Counter(); ${WORKLOAD}`,
    "a default function": `class Counter ${BODY}; export default () => new Counter(); ${WORKLOAD}`,
    "a class": `export class Counter ${BODY}; ${WORKLOAD}`,
    "a default class": `export default class ${BODY}; ${WORKLOAD}`,
    "a class that inherits": `class Base ${BODY}; export class Counter extends Base {}; ${WORKLOAD}`,
    "a class beside others": `export class Counter ${BODY}; export class Other { a() {} }; ${WORKLOAD}`,
  };
  for (const [what, source] of Object.entries(sources)) {
    const { version, create, workload } = await loaded(source);
    assertEquals(version, "counter/1", what);
    assert(workload && create() !== create(), what);
  }
});

Deno.test("a class that is no machine, or needs arguments, is none", async () => {
  for (
    const source of [`export class Other { execute() {} }`, `export class Counter { constructor(a) {} ${BODY.slice(1)}`]
  ) {
    const { exitCode } = await assertRejects(() => loaded(source), CliError, "no export makes a state machine");
    assertEquals(exitCode, 2);
  }
});

Deno.test("a look at a module whose loading does not end is over in time, and names it", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/machine.mjs`;
    for (const top of ["while (true) {}", "await new Promise((resolve) => setTimeout(resolve, 1e9));"]) {
      await Deno.writeTextFile(path, `${top}\nexport class Counter ${BODY}`);
      // The second one is that of serve, snapshot, init and members sign.
      for (const look of [() => inspectMachine({ path }, 1_500), () => loadSafely(path, undefined, 1_500)]) {
        const { message, exitCode, lines } = await assertRejects(look, CliError);
        assertEquals([message, exitCode], [`${path}: the loading of its module does not end`, 1]);
        assertMatch(lines.looked!, /^waited 1\.5 s: a loop at the top/);
      }
    }
    await Deno.writeTextFile(path, `export class Counter ${BODY}`);
    assertEquals((await inspectMachine({ path })).version, "counter/1");
  });
});

Deno.test("a module that awaits what cannot come is named at once, in words without colors", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/machine.mjs`;
    await Deno.writeTextFile(path, `await new Promise(() => {});\nexport class Counter ${BODY}`);
    const { message, exitCode, lines } = await assertRejects(() => inspectMachine({ path }), CliError);
    assertEquals([message, exitCode], [`${path}: the loading of its module does not end`, 1]);
    assertMatch(lines.looked!, /^a loop at the top of the module does not end, or it awaits/);
    // What the runtime says by itself, for people at a terminal.
    await Deno.writeTextFile(
      path,
      `queueMicrotask(() => { throw new Error("later"); });\nawait new Promise(() => {});`,
    );
    const { lines: { looked } } = await assertRejects(() => inspectMachine({ path }), CliError);
    assertMatch(looked!, /later/);
    assertEquals(looked!.includes("\x1b"), false, looked);
  });
});

Deno.test("where no process may be started, a machine is loaded without the look before", async () => {
  await inFolder(async (folder) => {
    const [path, program] = [`${folder}/machine.mjs`, `${folder}/program.ts`];
    await Deno.writeTextFile(path, `export class Counter ${BODY}`);
    const source = new URL("../../src/cli/machine/load_safely.ts", import.meta.url).href;
    await Deno.writeTextFile(
      program,
      `import { loadSafely } from "${source}";\nconsole.log((await loadSafely(Deno.args[0], undefined)).version);`,
    );
    const args = [
      "run",
      "--quiet",
      "--no-prompt",
      "--no-check",
      "--no-lock",
      "--allow-read",
      "--allow-env",
      program,
      path,
    ];
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, stdin: "null" }).output();
    const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    assertEquals([code, out!.trim()], [0, "counter/1"], err);
  });
});
