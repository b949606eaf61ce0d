/**
 * Makes a small store of each kind as the code of now writes them: `deno run -A --unstable-kv tests/stores/released/make.ts FOLDER`. Run it
 * for each release that changes what is stored, and keep what it made: `released_test.ts` opens all that were ever kept.
 */
import { Client, DEFAULT_LIMITS, generateKeyPair, type Store } from "@pbft/edge";
import { DenoKvStore, serve, SqliteStore } from "@pbft/edge/deno";

const folder = Deno.args[0]!;
const NAMES = ["Apple", "Ball", "Candy", "Dog"];
await Deno.mkdir(folder, { recursive: true });
const keys = NAMES.map(() => generateKeyPair());
const ports = NAMES.map(() => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
});
const cluster = {
  genesis: {
    name: "released",
    replicas: NAMES.map((name, i) => ({ name, publicKey: keys[i]!.publicKey })),
    checkpointInterval: 4,
    logWindow: 16,
    stateMachine: "key-value/1",
    limits: DEFAULT_LIMITS,
  },
  urls: Object.fromEntries(NAMES.map((name, i) => [name, `http://127.0.0.1:${ports[i]}`])),
};
const scratch = await Deno.makeTempDir();
const paths = [`${scratch}/Apple.db`, `${folder}/Ball.db`, `${folder}/Candy.kv`, `${folder}/Dog.db`];
const open = (i: number): Promise<Store> =>
  i === 2 ? DenoKvStore.open(paths[i], { prefix: [NAMES[i]!] }) : SqliteStore.open(paths[i]!);
const served = await Promise.all(
  NAMES.map(async (self, i) =>
    await serve({ cluster, self, privateKey: keys[i]!.privateKey, store: await open(i), persistInputs: i === 2 })
  ),
);
const client = new Client({ cluster, timeoutMs: 30_000 });
const invoke = async (from: number, to: number) => {
  for (let i = from; i <= to; i++) await client.invoke(`SET key${i} ${"value ".repeat(i)}`);
};
await invoke(1, 9);
await (await fetch(`${served[1]!.url}/req`, {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ clientID: "ada", timestamp: 1, operation: "INCR n" }),
})).body?.cancel();
await served[0]!.close(); // the view changes
await invoke(10, 13);
const states = [];
for (const i of [1, 2, 3]) states.push(served[i]!.node.status().replica);
client.close();
await Promise.all(served.map((replica) => replica.close()));
const members = [1, 2].map((i) => ({ name: NAMES[i], path: paths[i]!.slice(folder.length + 1), ...keys[i] }));
const view = Math.min(...states.map(({ view }) => view));
const executed = Math.min(...states.map(({ lastExecuted }) => lastExecuted));
await Deno.writeTextFile(`${folder}/stores.json`, JSON.stringify({ cluster, members, view, executed }, null, 2) + "\n");
await Deno.remove(paths[3]!);
await Deno.remove(scratch, { recursive: true });
console.log(`view ${view}, ${executed} executed`);
Deno.exit(0);
