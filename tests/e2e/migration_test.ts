/** A new version of the state machine on real processes: members are started with the code that has both, then it comes into force, under load. */
import { assert, assertEquals } from "@std/assert";
import { inFolder } from "../tools/folder.ts";
import { TWO_VERSIONS } from "../tools/two_versions.ts";
import { freePorts } from "../tools/ports.ts";
import { Command, REPLICA } from "./_cluster_process.ts";
import { busy, byClient, byReq, type Callers, withPauses } from "./_counting.ts";

const CLI = new URL("../../src/cli/mod.ts", import.meta.url).href;
const MACHINES = new URL("../../src/machines/mod.ts", import.meta.url).href;
const NAMES = ["Apple", "Ball", "Candy", "Dog"];

/** The program of a member that has version 1 only. */
const OLD = `import { KeyValue } from ${JSON.stringify(MACHINES)};
export default { "key-value/1": () => new KeyValue() };
`;

async function pbft(...args: string[]): Promise<string> {
  const command = new Command(CLI, args);
  const code = await command.ended();
  assertEquals(code, 0, [...command.out.all, ...command.err.all].join("\n"));
  return command.out.all.join("\n");
}

Deno.test("key-value/1 becomes key-value/2 under load; a member with the old code waits, says so, and comes back", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/old.js`, OLD);
    await Deno.writeTextFile(`${folder}/both.js`, TWO_VERSIONS);
    const ports = freePorts(4);
    const urls = ports.map((port) => `http://127.0.0.1:${port}`);
    await pbft("init", "--folder", `${folder}/c`, ...NAMES.map((name, i) => `${name}=${urls[i]}`));
    const cluster = `${folder}/c/cluster.json`;
    const running = new Map<string, Command>();
    const start = async (name: string, machine: string, ...more: string[]) => {
      const at = `${folder}/c/${name}`;
      const args = ["--cluster", cluster, "--name", name, "--key", `${at}/key`, "--state", `${at}/state.db`];
      const command = new Command(REPLICA, [...args, "--machine", `${folder}/${machine}.js`, ...more]);
      running.set(name, command);
      if (machine === "both" || more.length > 0) await command.out.find(/serving/);
      return command;
    };
    const stop = async (name: string) => {
      running.get(name)!.kill("SIGTERM");
      await running.get(name)!.ended();
    };
    let callers: Callers | undefined;
    try {
      for (const name of NAMES) await start(name, "old", "--start", "new");
      // Dog has the old code, and will not answer.
      callers = {
        library: byClient(JSON.parse(await Deno.readTextFile(cluster))),
        req: byReq(() => urls.slice(0, 3)),
      };
      await busy(callers);
      // A rolling restart with the code that has both. Dog keeps the old code.
      for (const name of NAMES.slice(0, 3)) {
        await stop(name);
        await start(name, "both");
      }
      const file = `${folder}/next.json`;
      await pbft("members", "propose", file, "--cluster", cluster, "--state-machine", "key-value/2");
      for (const name of NAMES.slice(0, 3)) {
        // Each tries the migration on its own state before it signs, while its replica runs.
        const at = ["--cluster", cluster, "--machine", `${folder}/both.js`, "--state", `${folder}/c/${name}/state.db`];
        const said = await pbft("members", "sign", file, "--key", `${folder}/c/${name}/key`, ...at);
        assert(/tried on the state at \d+, works: \d+ chunks/.test(said), said);
      }
      await withPauses("key-value/2 comes into force", callers, async () => {
        await pbft("members", "submit", file, "--cluster", cluster);
        await running.get("Dog")!.out.find(/takes no part.*version=key-value\/2/);
      });
      const dog = await fetch(`${urls[3]}/status`);
      assertEquals(dog.status, 503);
      assert((await dog.text()).includes("key-value/2"));
      await stop("Dog");
      await start("Dog", "both");
      const { library, req } = callers;
      await Promise.all([library.stop(), req.stop()]);
      assertEquals([...library.errors, ...req.errors], []);
      // The last one has the state of the others, and counts.
      await stop("Apple");
      for (const [key, { count }] of [["by-client", library], ["by-req", req]] as const) {
        assertEquals((await pbft("get", key, "--cluster", cluster)).split("\n")[0], String(count));
      }
      const status = await (await fetch(`${urls[3]}/status`, { headers: { accept: "application/json" } })).json();
      assertEquals(status.stateMachine, "key-value/2");
    } finally {
      await Promise.all([callers?.library.stop(), callers?.req.stop()]);
      for (const command of running.values()) command.kill("SIGKILL");
      for (const command of running.values()) await command.ended();
    }
  });
});
