import { assertEquals, assertGreaterOrEqual, assertLess } from "@std/assert";
import { main as cli } from "../../src/cli/mod.ts";
import { Client } from "../../src/client/mod.ts";
import { EDGE_SETTINGS, serve } from "../../src/runtime/deno.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { parseClusterFile } from "../../src/wire/mod.ts";
import { bundleForNode } from "./_bundle.ts";
import { ColdProcesses } from "./_cold_processes.ts";
import { freePorts } from "../tools/ports.ts";

const NAMES = ["Apple", "Ball", "Candy", "Dog"];
/** Requests, each to a process of its own: some dozens of batches, and several checkpoints. The simulator has hosts of this kind by the thousand. */
const REQUESTS = 60;

Deno.test("a replica on Deno KV that is a new process for every single request does its part: nothing goes without it", async () => {
  const folder = await Deno.makeTempDir();
  const ports = freePorts(4);
  const members = NAMES.map((name, i) => `${name}=http://127.0.0.1:${ports[i]}`);
  await cli(["init", ...members, "--folder", `${folder}/pbft`, "--interval", "4"], () => {});
  const text = await Deno.readTextFile(`${folder}/pbft/cluster.json`);
  const cluster = parseClusterFile(JSON.parse(text));
  const keyOf = async (name: string) => (await Deno.readTextFile(`${folder}/pbft/${name}/key`)).trim();
  const program = `${folder}/replica.js`;
  await Deno.writeTextFile(program, await bundleForNode("tests/edge/_cold_main.ts", ["--minify"]));
  // Dog is away: each quorum needs Ball.
  const up = await Promise.all(["Apple", "Candy"].map(async (self) => {
    const replica = { cluster, self, privateKey: await keyOf(self), store: new MemoryStore() };
    return await serve({ ...replica, start: "new", settings: EDGE_SETTINGS });
  }));
  const env = {
    PBFT_CLUSTER: text,
    PBFT_REPLICA: "Ball",
    PBFT_PRIVATE_KEY: await keyOf("Ball"),
    PBFT_KV: `${folder}/kv`,
    PBFT_START: "new",
  };
  const cold = new ColdProcesses({ program, env, port: ports[1]! });
  // Beside other load one process may take seconds.
  const client = new Client({ cluster, timeoutMs: 300_000 });
  try {
    const numbers: number[] = [];
    while (cold.starts < REQUESTS) {
      numbers.push(...await Promise.all(Array.from({ length: 20 }, () => client.invoke<number>("INCR n"))));
    }
    // Each operation was executed once, and in the one order.
    assertEquals(numbers.sort((a, b) => a - b), numbers.map((_, i) => i + 1));
    assertEquals(await client.invoke("GET n"), String(numbers.length));
    await assertEqualStates(["Apple", "Ball", "Candy"].map((name) => cluster.urls[name]!));
    assertGreaterOrEqual(cold.starts, REQUESTS);
    assertLess(cold.starts, 10 * REQUESTS);
    assertEquals(cold.failures, []);
  } finally {
    client.close();
    await Promise.all(up.map((replica) => replica.close()));
    await cold.close();
    await Deno.remove(folder, { recursive: true });
  }
});

/** The same history at all, and the same state at the last checkpoint. */
async function assertEqualStates(urls: readonly string[]): Promise<void> {
  for (let attempt = 0;; attempt++) {
    const statuses = await Promise.all(urls.map(async (url) => await (await fetch(`${url}/status`)).json()));
    const seen = statuses.map(({ lastExecuted, history, stateRoot, halted }) =>
      JSON.stringify({ lastExecuted, history, stateRoot, halted })
    );
    assertEquals(statuses.map(({ halted }) => halted), urls.map(() => null));
    if (new Set(seen).size === 1) return;
    if (attempt === 50) assertEquals(seen, seen.map(() => seen[0]));
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
