/**
 * A cluster of replica processes on this machine, run from a checkout of this project: this one or another.
 * @module
 */
import type { ClusterFile } from "../../../src/client/mod.ts";
import { checkpointInterval } from "../../../src/cli/commands/checkpoint_interval.ts";
import { memberNames } from "../../../src/cli/local_cluster/member_names.ts";
import { freePorts } from "../../tools/ports.ts";
import { Proxies } from "../wan/proxies.ts";
import { V8_FLAGS } from "../../../src/cli/runtime.ts";
import { type Checkout, denoOf } from "./checkout.ts";

/** The shape of a cluster. */
export interface Shape {
  readonly replicas: number;
  /** Keeps the states in memory. */
  readonly memory: boolean;
  /** Whether all connections go through proxies that can delay them. */
  readonly proxied: boolean;
}

/** As `deno task cluster` has it. */
const CHECKPOINT_INTERVAL = 64;
const READY_TIMEOUT_MS = 60_000;
const POLL_MS = 20;

interface Member {
  readonly name: string;
  readonly url: string;
  readonly args: readonly string[];
}

/** A cluster that runs. */
export class Cluster {
  /** The cluster file for clients. */
  readonly file: ClusterFile;
  /** The replicas' own URLs, without a proxy. */
  readonly urls: readonly string[];
  readonly proxies: Proxies | null;
  readonly #checkout: Checkout;
  readonly #folder: string;
  readonly #members: readonly Member[];
  readonly #children = new Map<string, Deno.ChildProcess>();

  private constructor(parts: {
    readonly checkout: Checkout;
    readonly folder: string;
    readonly file: ClusterFile;
    readonly members: readonly Member[];
    readonly proxies: Proxies | null;
  }) {
    this.#checkout = parts.checkout;
    this.#folder = parts.folder;
    this.#members = parts.members;
    this.file = parts.file;
    this.proxies = parts.proxies;
    this.urls = parts.members.map(({ url }) => url);
  }

  /**
   * Starts it on free ports, and waits until all replicas are ready.
   * @throws {Error} if a replica ends, or is not ready within a minute.
   */
  static async start(checkout: Checkout, shape: Shape): Promise<Cluster> {
    const folder = await Deno.makeTempDir({ prefix: "pbft-bench-" });
    let cluster: Cluster | undefined;
    try {
      cluster = await prepare(checkout, shape, folder);
      for (const { name } of cluster.#members) cluster.launch(name, "new");
      await cluster.untilReady();
      return cluster;
    } catch (error) {
      if (cluster) await cluster.stop();
      else await Deno.remove(folder, { recursive: true });
      throw error;
    }

    async function prepare({ dir }: Checkout, { replicas, memory, proxied }: Shape, folder: string): Promise<Cluster> {
      const names = memberNames(replicas);
      const urls = freePorts(replicas).map((port) => `http://127.0.0.1:${port}`);
      const file = await init({ dir }, folder, names.map((name, i) => `${name}=${urls[i]}`));
      const proxies = proxied ? await Proxies.start(urls) : null;
      const members = names.map((name, i): Member => {
        const clusterPath = `${folder}/${name}/cluster.json`;
        const seen = proxies ? { ...file, urls: urlsOf(names, proxies.urlsFor(i)) } : file;
        Deno.writeTextFileSync(clusterPath, JSON.stringify(seen));
        const state = memory ? ["--memory"] : ["--state", `${folder}/${name}/state.db`];
        const files = ["--cluster", clusterPath, "--name", name, "--key", `${folder}/${name}/key`, ...state];
        return { name, url: urls[i]!, args: [...files, "--port", new URL(urls[i]!).port, "--until-eof"] };
      });
      const clientFile = proxies ? { ...file, urls: urlsOf(names, proxies.urlsForClients()) } : file;
      return new Cluster({ checkout, folder, file: clientFile, members, proxies });
    }
  }

  /** The running replicas' processes. */
  get pids(): number[] {
    return [...this.#children.values()].map(({ pid }) => pid);
  }

  get names(): readonly string[] {
    return this.#members.map(({ name }) => name);
  }

  /** Starts the process of one replica. */
  launch(name: string, start: "new" | "resume"): void {
    const { args } = this.#members.find((member) => member.name === name)!;
    // What an older or newer replica needs beyond net, read and write may differ.
    const child = denoOf(this.#checkout, {
      // As `pbft dev` and the examples start it. Another checkout likewise: what is compared is the code.
      flags: [V8_FLAGS],
      args: ["-A", this.#checkout.replica, ...args, "--start", start],
      // A replica ends with the standard input: none outlives the bench.
      stdin: "piped",
      stdout: "null",
      stderr: "inherit",
    }).spawn();
    this.#children.set(name, child);
    void child.status.then(() => this.#children.delete(name));
  }

  /** Kills the process of one replica. */
  async kill(name: string): Promise<void> {
    const child = this.#children.get(name)!;
    child.kill("SIGKILL");
    await child.status;
  }

  /** Resolves once every replica says that it is ready. */
  async untilReady(): Promise<void> {
    const deadline = performance.now() + READY_TIMEOUT_MS;
    for (const { name, url } of this.#members) {
      while (!(await isReady(url))) {
        if (!this.#children.has(name)) throw new Error(`${name} has ended before it was ready`);
        if (performance.now() > deadline) throw new Error(`${name} is not ready after ${READY_TIMEOUT_MS / 1000} s`);
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    }
  }

  /** Stops it and removes its data. */
  async stop(): Promise<void> {
    const children = [...this.#children.values()];
    for (const child of children) child.kill("SIGTERM");
    await Promise.all(children.map((child) => child.status));
    await this.proxies?.stop();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

const MAX_SESSIONS = 8_192;

/** Makes keys and a cluster file, as a user would. */
async function init(checkout: Pick<Checkout, "dir">, folder: string, members: readonly string[]): Promise<ClusterFile> {
  const interval = checkpointInterval(members.length, CHECKPOINT_INTERVAL);
  const args = ["init", ...members, "--folder", folder, "--interval", String(interval)];
  const { success, stderr } = await denoOf(checkout, { args: ["-A", "src/cli/mod.ts", ...args], stdout: "null" })
    .output();
  if (!success) throw new Error(`init failed: ${new TextDecoder().decode(stderr)}`);
  const file = JSON.parse(await Deno.readTextFile(`${folder}/cluster.json`)) as ClusterFile;
  // Here all clients are at one address, which may otherwise open some 170 sessions at each member.
  const limits = { ...file.genesis.limits, maxSessions: MAX_SESSIONS };
  return { ...file, genesis: { ...file.genesis, limits } };
}

function urlsOf(names: readonly string[], urls: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name, i) => [name, urls[i]!]));
}

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}
