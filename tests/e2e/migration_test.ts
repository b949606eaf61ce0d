/** A new version of the state machine on real processes: members are started with the code that has both, then it comes into force, under load. */
import { assert, assertEquals } from "@std/assert";
import { inFolder } from "../tools/folder.ts";
import { TWO_VERSIONS } from "../tools/two_versions.ts";
import { freePorts } from "../tools/ports.ts";
import { Command, REPLICA } from "./_cluster_process.ts";

const CLI = new URL("../../src/cli/mod.ts", import.meta.url).href;
const MACHINES = new URL("../../src/machines/mod.ts", import.meta.url).href;
const NAMES = ["Apple", "Ball", "Candy", "Dog"];
/** A pause after each answer: cores are left for others. */
const THINK_MS = 50;

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
    let isOver = false;
    let counted = 0;
    let longest = 0;
    const refused: string[] = [];
    try {
      for (const name of NAMES) await start(name, "old", "--start", "new");
      const load = async (clientID: string) => {
        for (let timestamp = 1, turn = 0; !isOver;) {
          const before = performance.now();
          try {
            const response = await fetch(`${urls[turn++ % 3]}/req`, {
              method: "POST",
              headers: { "content-type": "application/json" },
              body: JSON.stringify({ clientID, timestamp, operation: "INCR n" }),
            });
            const text = await response.text();
            // The next member is asked the same again.
            if (response.status < 500) {
              if (!response.ok) refused.push(text);
              counted++;
              timestamp++;
              longest = Math.max(longest, performance.now() - before);
            }
          } catch { /* it restarts */ }
          await new Promise((resolve) => setTimeout(resolve, THINK_MS));
        }
      };
      const clients = ["a", "b"].map(load);
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
      longest = 0;
      await pbft("members", "submit", file, "--cluster", cluster);
      await running.get("Dog")!.out.find(/takes no part.*version=key-value\/2/);
      const before = counted;
      while (counted < before + 20) await new Promise((resolve) => setTimeout(resolve, 20));
      console.log(`    longest call around the epoch: ${longest.toFixed(0)} ms`);
      const dog = await fetch(`${urls[3]}/status`);
      assertEquals(dog.status, 503);
      assert((await dog.text()).includes("key-value/2"));
      await stop("Dog");
      await start("Dog", "both");
      isOver = true;
      await Promise.all(clients);
      assertEquals(refused, []);
      // The last one has the state of the others, and counts.
      await stop("Apple");
      const text = await pbft("get", "n", "--cluster", cluster);
      assert(text.includes(String(counted)), `${text}, expected ${counted}`);
      const status = await (await fetch(`${urls[3]}/status`, { headers: { accept: "application/json" } })).json();
      assertEquals(status.stateMachine, "key-value/2");
    } finally {
      isOver = true;
      for (const command of running.values()) command.kill("SIGKILL");
      for (const command of running.values()) await command.ended();
    }
  });
});
