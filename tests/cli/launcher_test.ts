import { assertEquals } from "@std/assert";
import { isChainWhole, launcherChain, type ProcessTable } from "../../src/cli/local_cluster/launcher.ts";

const DENO = "/home/ada/.npm/_npx/7a40/node_modules/deno/deno";
const CLUSTER = [DENO, "run", "-A", "src/cli/commands/cluster.ts"];
const TASK = [DENO, "task", "cluster"];

/** Processes from the oldest, pid 101, to this one; each one's parent is the one before. */
function table(...commands: string[][]): ProcessTable {
  const entries = new Map(commands.map((args, i) => [101 + i, { parent: i === 0 ? 1 : 100 + i, args }]));
  return { pid: 100 + commands.length, entry: (pid) => entries.get(pid) ?? null };
}

const chains: readonly [title: string, commands: string[][], chain: number[]][] = [
  ["npx", [["npm exec deno@2.9.6 task cluster"], ["sh", "-c", "'deno' task cluster"], TASK, CLUSTER], [
    104,
    103,
    102,
    101,
  ]],
  [
    "npx, from a shell",
    [["-bash"], ["npm exec deno@2.9.6 task cluster"], ["sh", "-c", "deno task cluster"], TASK, CLUSTER],
    [105, 104, 103, 102],
  ],
  ["npx of an older npm", [["node", "/usr/bin/npx", "--yes", "deno@2.9.6"], TASK, CLUSTER], [103, 102, 101]],
  ["pnpm", [["node", "/usr/bin/pnpm.cjs", "dlx", "deno"], ["node", "/x/deno/bin.cjs", "task"], TASK, CLUSTER], [
    104,
    103,
    102,
    101,
  ]],
  ["deno task, from a shell", [["bash", "-c", "deno task cluster &"], TASK, CLUSTER], [103, 102]],
  ["deno task alone", [TASK, CLUSTER], [102, 101]],
  ["a service manager", [["/sbin/init"], CLUSTER], [102]],
  ["a shell that starts it in the background", [["bash", "-c", "deno run -A src/cli/commands/cluster.ts &"], CLUSTER], [
    102,
  ]],
  ["a script that npm runs", [["npm", "test"], ["bash", "start.sh"], ["nohup"], CLUSTER], [104]],
  ["nothing that is known", [CLUSTER], [101]],
];

for (const [title, commands, chain] of chains) {
  Deno.test(`started by ${title}: the processes that are watched`, () => {
    const processes = table(...commands);
    assertEquals(launcherChain(processes), chain);
    assertEquals(isChainWhole(chain, processes), true);
  });
}

Deno.test("the chain is broken when a process in it has another parent, or is gone", () => {
  const processes = table(["npm exec deno"], ["sh", "-c", "deno task cluster"], TASK, CLUSTER);
  const chain = launcherChain(processes);
  for (const changed of [{ parent: 1, args: TASK }, null]) {
    const entry = (pid: number) => pid === 103 ? changed : processes.entry(pid);
    assertEquals(isChainWhole(chain, { ...processes, entry }), false);
  }
});
