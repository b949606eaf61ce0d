/** A program of somebody who uses the package, for a fresh project on each runtime. */

/**
 * What somebody's program does first: a cluster of one, on SQLite if the runtime has it, an operation with our client, and a watch, which is
 * verified.
 */
export const PROGRAM = `
import { DEFAULT_LIMITS, generateKeyPair, MemoryStore } from "@pbft/edge";
import { Client, parseClusterFile, verifyChange } from "@pbft/edge/client";
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
const watch = client.watch({ key: "n" }, { from: 1 });
console.log(await client.invoke("INCR n"), await client.query("GET n"), typeof DurableObjectStore, kind);
const { value: change } = await watch.next();
console.log(change.key, "became", change.value, "by", ...(await verifyChange(cluster, change)).signers);
await watch.return();
client.close();
await replica.close();
process.exit(0);
`;

/** What it prints of the change. */
export const WATCHED = "n became 1 by Apple";

/** A command of a project; gives what it prints. @throws {Error} with what it printed if it fails. */
export async function run(cwd: string | URL, command: string, ...args: readonly string[]): Promise<string> {
  const output = await new Deno.Command(command, { args: [...args], cwd, env: { NO_COLOR: "1" }, stdin: "null" })
    .output();
  const [out, error] = [output.stdout, output.stderr].map((bytes) => new TextDecoder().decode(bytes));
  if (!output.success) throw new Error(`${command} ${args.join(" ")}: ${out}${error}`);
  return out!.trim();
}
