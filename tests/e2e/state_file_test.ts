/** What may happen to a replica's state file, with real processes. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { ClusterProcess, Command, eventually, REPLICA } from "./_cluster_process.ts";
import { inFolder } from "../tools/folder.ts";

function replicaArgs(folder: string, name: string, ...more: string[]): readonly string[] {
  const files = ["--cluster", `${folder}/cluster.json`, "--name", name, "--key", `${folder}/${name}/key`];
  return [...files, "--state", `${folder}/${name}/state.db`, ...more];
}

async function failing(args: readonly string[]): Promise<{ code: number; line: string }> {
  const command = new Command(REPLICA, args);
  const code = await command.ended();
  assertEquals(command.err.all.length, 1, command.err.all.join("\n"));
  return { code, line: command.err.all[0]! };
}

Deno.test("a state file that is not there, or can't be one, stops the start with one line that says what to do", async () => {
  await inFolder(async (folder) => {
    const cluster = await ClusterProcess.start(folder);
    await cluster.interrupt();
    const state = `${folder}/Dog/state.db`;
    const lines: string[] = [];
    const start = async (...more: string[]) => {
      const { code, line } = await failing(replicaArgs(folder, "Dog", ...more));
      assertEquals(code, more.includes("fresh") ? 2 : 1);
      lines.push(line);
      return line;
    };
    assertMatch(await start("--start", "new"), /expected an empty store for Dog/);
    assertMatch(await start("--start", "fresh"), /--start: expected new, resume or recover, got "fresh"/);
    await Deno.rename(state, `${state}.kept`);
    const missing = await start();
    assertStringIncludes(missing, `${state} is not there, or empty`);
    assertStringIncludes(missing, "--start new");
    assertStringIncludes(missing, "--start recover");
    await Deno.writeFile(state, new Uint8Array(0));
    assertEquals(await start(), missing);
    await Deno.remove(state);
    await Deno.mkdir(state);
    assertMatch(await start(), /expected a file, got a folder/);
    await Deno.remove(state);
    await Deno.writeTextFile(state, "this is not a database, whatever its name says ".repeat(100));
    assertMatch(await start(), /it is (not a SQLite database|damaged)/);
    for (const line of lines) assertMatch(line, /^error: Dog: |^error: --start/);
  });
});

Deno.test("a state file that is removed while its replica runs stops that one within seconds; the others go on", async () => {
  await inFolder(async (folder) => {
    const cluster = await ClusterProcess.start(folder);
    try {
      await cluster.req("Apple", { clientID: "ada", operation: "INCR n" });
      await Deno.remove(`${folder}/Dog/state.db`);
      const halted = async () => ((await cluster.status("Dog")) as unknown as { halted: string | null }).halted ?? "";
      await eventually("Dog has stopped", async () => (await halted()) !== "");
      assertStringIncludes(await halted(), `${folder}/Dog/state.db was removed`);
      const ready = await fetch(`${cluster.url("Dog")}/readyz`);
      await ready.body?.cancel();
      assertEquals(ready.status, 503);
      assertEquals((await cluster.req("Ball", { clientID: "ada", operation: "INCR n" })).result, 2);
    } finally {
      await cluster.interrupt();
    }
  });
});

Deno.test("a replica that is given an old copy of its state file is told so by the others, and recovers", async () => {
  await inFolder(async (folder) => {
    const state = `${folder}/Dog/state.db`;
    const operate = async (cluster: ClusterProcess, times: number) => {
      for (let i = 0; i < times; i++) await cluster.req("Apple", { clientID: "ada", operation: "INCR n" });
    };
    const first = await ClusterProcess.start(folder);
    await operate(first, 3);
    await first.interrupt();
    await Deno.copyFile(state, `${state}.old`);
    const second = await ClusterProcess.start(folder);
    await operate(second, 5);
    await second.interrupt();
    await Deno.rename(`${state}.old`, state);
    const third = await ClusterProcess.start(folder); // is ready when all are
    try {
      const said = third.command.out.all.find((line) => / Dog +the store is an old copy/.test(line)) ??
        third.command.err.all.find((line) => / Dog +the store is an old copy/.test(line));
      assert(said, [...third.command.out.all, ...third.command.err.all].join("\n"));
      await third.command.out.find(/ Dog +recovered from a lost disk, and votes again/);
      assertEquals((await third.req("Dog", { clientID: "ada", operation: "INCR n" })).result, 9);
      for (const name of third.names) {
        const { evidence } = await (await fetch(`${third.url(name)}/evidence`)).json();
        assertEquals(evidence, []);
      }
    } finally {
      await third.interrupt();
    }
  });
});
