import { assertEquals } from "@std/assert";
import { root } from "../tools/files.ts";
import { ClusterProcess } from "./_cluster_process.ts";

const PROGRAM = `
import { Client, parseClusterFile, verifyReceipt } from "./client.mjs";
import { readFileSync } from "node:fs";
const cluster = parseClusterFile(JSON.parse(readFileSync(process.argv[2], "utf8")));
const client = new Client({ cluster });
const counts = await Promise.all([client.invoke("INCR n"), client.invoke("INCR n")]);
const { receipt } = await client.submit("GET n");
const { voters } = await verifyReceipt(cluster, receipt);
console.log(counts.join(), voters.length);
`;

function isThere(command: string): boolean {
  try {
    return new Deno.Command(command, { args: ["--version"], stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

async function run(command: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args, cwd: root, stdin: "null" }).output();
  const [out, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assertEquals(success, true, error);
  return out!;
}

Deno.test({
  name: "the client, bundled for browsers, runs on Node, and lets it end",
  ignore: !isThere("node"),
  fn: async () => {
    const folder = await Deno.makeTempDir();
    const options = ["--quiet", "--platform", "browser", "--format", "esm", "-o", `${folder}/client.mjs`];
    await run(Deno.execPath(), "bundle", ...options, "src/client/mod.ts");
    await Deno.writeTextFile(`${folder}/main.mjs`, PROGRAM);
    const cluster = await ClusterProcess.start(`${folder}/cluster`);
    try {
      const out = await run("node", "--no-warnings", `${folder}/main.mjs`, `${folder}/cluster/cluster.json`);
      assertEquals(out, "1,2 2\n");
    } finally {
      await cluster.interrupt();
    }
    await Deno.remove(folder, { recursive: true });
  },
});
