/**
 * The four members of a mixed cluster, each on another runtime, on this machine: Apple on Deno with SQLite, Ball on Deno with Deno KV as
 * it would be on Deno Deploy, Candy in a Durable Object in workerd, Dog on Node with SQLite.
 */
import { parseClusterText } from "@pbft/edge/client";
// deno-lint-ignore no-import-prefix -- in the import map everybody who runs a replica would download it
import { Miniflare } from "npm:miniflare@4.20260730.0";

/** The files of a mixed cluster. */
export interface Place {
  /** The folder that `init` wrote. */
  readonly folder: string;
  /** The path of Node, 22.13 or later. */
  readonly nodePath: string;
  /** The Worker. Default: that of examples/cloudflare. */
  readonly worker?: string;
}

/** A member that can be started, stopped and killed. */
export interface Running {
  readonly name: string;
  readonly url: string;
  /** Asks it to stop, and waits for its end. */
  stop(): Promise<void>;
  /** Kills it. */
  kill(): Promise<void>;
}

const root = new URL("../..", import.meta.url).pathname;

/** Apple: a process of Deno, its state in a SQLite file. */
export function startDeno({ folder }: Place, name: string): Promise<Running> {
  const files = [
    "--cluster",
    `${folder}/cluster.json`,
    "--key",
    `${folder}/${name}/key`,
    "--state",
    `${folder}/${name}/db`,
    "--start",
    startOf(folder, name),
  ];
  return startProcess(folder, name, Deno.execPath(), [
    "run",
    "-A",
    "--quiet",
    `${root}src/cli/commands/replica.ts`,
    "--name",
    name,
    ...files,
  ]);
}

/** Ball: the program for Deno Deploy, with the same environment, and its own database file. `port`: replaces the port of the member's URL. */
export function startDenoKv({ folder }: Place, name: string, port?: number): Promise<Running> {
  const env = {
    PBFT_CLUSTER: Deno.readTextFileSync(`${folder}/cluster.json`),
    PBFT_REPLICA: name,
    PBFT_PRIVATE_KEY: Deno.readTextFileSync(`${folder}/${name}/key`),
    PBFT_KV: `${folder}/${name}/kv`,
    PBFT_START: "new",
    PORT: String(port ?? new URL(urlOf(folder, name)).port),
  };
  const args = ["run", "-A", "--quiet", "--unstable-kv", "--unstable-cron", `${root}examples/deno_deploy/main.ts`];
  return startProcess(folder, name, Deno.execPath(), args, { env, port });
}

/** Dog: a process of Node that runs one bundled file. */
export async function startNode({ folder, nodePath }: Place, name: string): Promise<Running> {
  const file = `${folder}/node.mjs`;
  await bundle("examples/node/main.ts", file, ["--platform", "deno"]);
  const args = [`${folder}/cluster.json`, name, `${folder}/${name}/key`, `${folder}/${name}/db`];
  const env = { PBFT_START: startOf(folder, name) };
  return await startProcess(folder, name, nodePath, ["--no-warnings", file, ...args], { env });
}

/** Candy: workerd, with its state in the Durable Object's database. */
export async function startWorkerd({ folder, worker }: Place, name: string): Promise<Running> {
  const file = `${folder}/worker.js`;
  await bundle(worker ?? "examples/cloudflare/worker.ts", file, [
    ...["--platform", "browser", "--external", "node:*", "--external", "cloudflare:*"],
  ]);
  const url = urlOf(folder, name);
  const miniflare = new Miniflare({
    modules: true,
    script: Deno.readTextFileSync(file),
    compatibilityDate: "2026-07-01",
    compatibilityFlags: ["nodejs_compat"],
    durableObjects: { REPLICA: { className: "Replica", useSQLite: true } },
    durableObjectsPersist: `${folder}/${name}/objects`,
    bindings: {
      PBFT_CLUSTER: Deno.readTextFileSync(`${folder}/cluster.json`),
      PBFT_REPLICA: name,
      PBFT_PRIVATE_KEY: Deno.readTextFileSync(`${folder}/${name}/key`),
      PBFT_START: "new",
    },
    host: "127.0.0.1",
    port: Number(new URL(url).port),
  });
  let ending: Promise<void> | undefined;
  const end = () => ending ??= miniflare.dispose();
  // workerd keeps running if this process does not end it.
  globalThis.addEventListener("unload", () => void end());
  await miniflare.ready;
  await ready(url, () => false);
  return { name, url, stop: end, kill: end };
}

async function startProcess(
  folder: string,
  name: string,
  command: string,
  args: string[],
  { env, port }: { env?: Record<string, string>; port?: number | undefined } = {},
): Promise<Running> {
  const child = new Deno.Command(command, { args, env, stdin: "piped", stdout: "null", stderr: "inherit" }).spawn();
  let ended = false;
  const status = child.status.then(() => ended = true);
  const end = async (signal: Deno.Signal) => {
    if (!ended) child.kill(signal);
    await status;
    await child.stdin.close().catch(() => {});
  };
  globalThis.addEventListener("unload", () => ended || child.kill("SIGKILL"));
  const url = port === undefined ? urlOf(folder, name) : `http://127.0.0.1:${port}`;
  await ready(url, () => ended);
  return { name, url, stop: () => end("SIGINT"), kill: () => end("SIGKILL") };
}

/** Waits until the replica answers on /healthz. */
async function ready(url: string, hasEnded: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    if (hasEnded()) throw new Error(`${url}: the process has ended`);
    try {
      const response = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(5_000) });
      const text = await response.text();
      if (response.ok) return;
      if (attempt === 299) throw new Error(text);
    } catch (error) {
      if (attempt === 299) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** A missing file means `new` here, because this program has just made the keys. In other places the file may be lost instead. */
function startOf(folder: string, name: string): "new" | "resume" {
  try {
    Deno.statSync(`${folder}/${name}/db`);
    return "resume";
  } catch {
    return "new";
  }
}

/** The member's URL in the cluster file. */
export function urlOf(folder: string, name: string): string {
  const url = parseClusterText(Deno.readTextFileSync(`${folder}/cluster.json`)).urls[name];
  if (url === undefined) throw new TypeError(`expected a member's name, got ${name}`);
  return url;
}

async function bundle(module: string, output: string, flags: readonly string[]): Promise<void> {
  const args = ["bundle", "--quiet", "--format", "esm", ...flags, "--output", output, `${root}${module}`];
  const { success, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: root, stdout: "null" }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}
