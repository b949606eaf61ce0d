/**
 * What a replica costs where each request and each row is billed: what one operation takes, and an hour with nothing to do.
 *
 *     deno task bench:edge [idle seconds]
 *
 * Two clusters of four on this machine, in each one member on Deno KV and one in a Durable Object in workerd, in turn the primary, and
 * two in memory. One operation of a client after the other, one second apart.
 */
import { main as cli } from "../../src/cli/mod.ts";
import { Client, parseClusterFile } from "../../src/client/mod.ts";
import { DenoKvStore, EDGE_SETTINGS, serve } from "../../src/runtime/deno.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { natural } from "../../src/cli/numbers.ts";
import { bundleForWorkerd } from "../edge/_bundle.ts";
import { startWorkerd } from "../edge/_workerd.ts";
import { countingKv } from "./counting_kv.ts";
import { freePorts } from "../tools/ports.ts";

const NAMES = ["Apple", "Ball", "Candy", "Dog"];
const OPERATIONS = 30;
const idleSeconds = natural("idle seconds", Deno.args[0] ?? "180");

type Counts = Readonly<Record<string, number>>;

async function measure(primary: "kv" | "object"): Promise<void> {
  const folder = await Deno.makeTempDir();
  const ports = freePorts(NAMES.length);
  await cli(
    ["init", ...NAMES.map((name, i) => `${name}=http://127.0.0.1:${ports[i]}`), "--folder", `${folder}/pbft`],
    () => {},
  );
  const cluster = parseClusterFile(JSON.parse(await Deno.readTextFile(`${folder}/pbft/cluster.json`)));
  const keyOf = (name: string) => Deno.readTextFileSync(`${folder}/pbft/${name}/key`).trim();
  const [onKv, onObject] = primary === "kv" ? ["Apple", "Ball"] : ["Ball", "Apple"];
  const { database, counts } = countingKv(await Deno.openKv(`${folder}/kv`));
  const serveMember = (self: string, store: DenoKvStore | MemoryStore) =>
    serve({
      cluster,
      self,
      privateKey: keyOf(self),
      store,
      settings: EDGE_SETTINGS,
      persistInputs: self === onKv,
      start: "new",
    });
  const served = await Promise.all([
    serveMember(onKv!, new DenoKvStore(database)),
    serveMember("Candy", new MemoryStore()),
    serveMember("Dog", new MemoryStore()),
  ]);
  const workerd = await startWorkerd({
    script: await bundleForWorkerd("tests/bench/counting_worker.ts"),
    className: "Replica",
    folder,
    port: ports[NAMES.indexOf(onObject!)]!,
    bindings: {
      PBFT_CLUSTER: JSON.stringify(cluster),
      PBFT_REPLICA: onObject!,
      PBFT_PRIVATE_KEY: keyOf(onObject!),
      PBFT_START: "new",
    },
  });
  const requestsOf = async (name: string) => {
    const text = await (await fetch(`${cluster.urls[name]}/metrics`)).text();
    const all = [...text.matchAll(/^pbft_http_requests_total\{.*route="(\/messages|\/requests)".*\} (\d+)$/gm)];
    const counts: Record<string, number> = { "POST /messages": 0, "POST /requests": 0 };
    // A route has a line for each status.
    for (const [, route, count] of all) counts[`POST ${route}`]! += Number(count);
    return counts;
  };
  const read = async (): Promise<Record<string, Counts>> => ({
    "Deno KV": { ...await requestsOf(onKv!), ...counts },
    // The object counts its requests itself: its metrics begin anew when it is put to sleep.
    "Durable Object": await (await fetch(`${workerd.url}/costs`)).json(),
  });
  const client = new Client({ cluster });
  await client.invoke("SET n 0");
  await pause(2);
  const before = await read();
  for (let i = 0; i < OPERATIONS; i++) {
    await client.invoke("INCR n");
    await pause(1);
  }
  const after = await read();
  report(`${primary} is the primary: per operation`, { before, after, per: OPERATIONS });
  if (idleSeconds > 0) {
    await pause(75);
    const quiet = await read();
    await pause(idleSeconds);
    report(`${primary} is the primary: per idle hour`, {
      before: quiet,
      after: await read(),
      per: idleSeconds / 3_600,
    });
  }
  client.close();
  await Promise.all(served.map((replica) => replica.close()));
  await workerd[Symbol.asyncDispose]();
  await Deno.remove(folder, { recursive: true });
}

interface Span {
  readonly before: Record<string, Counts>;
  readonly after: Record<string, Counts>;
  readonly per: number;
}

function report(title: string, { before, after, per }: Span): void {
  for (const [where, counts] of Object.entries(after)) {
    const each = Object.entries(counts).map(([what, count]) =>
      [what, (count - (before[where]![what] ?? 0)) / per] as const
    );
    console.log(`${title}, ${where}: ${each.map(([what, n]) => `${what} ${n.toFixed(n < 100 ? 1 : 0)}`).join(", ")}`);
  }
}

function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
}

await measure("kv");
await measure("object");
