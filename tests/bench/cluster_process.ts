/**
 * A cluster of replica processes on this machine, as `deno task cluster` starts them.
 * @module
 */
import { type ClusterFile, parseClusterFile } from "../../src/client/mod.ts";
import { childrenOf } from "./proc.ts";

/** A cluster that runs. */
export class ClusterProcess {
  readonly #child: Deno.ChildProcess;
  readonly #data: string;

  private constructor(readonly file: ClusterFile, child: Deno.ChildProcess, data: string) {
    this.#child = child;
    this.#data = data;
  }

  /**
   * Starts it on free ports and waits until it is ready. `memory`: without a disk.
   * @throws {Error} with what it printed, if it ends before.
   */
  static async start(options: { readonly memory: boolean }): Promise<ClusterProcess> {
    const data = await Deno.makeTempDir({ prefix: "pbft-bench-" });
    const script = new URL("../../src/cli/commands/cluster.ts", import.meta.url).pathname;
    const args = ["run", "--quiet", "--allow-all", script, "--port", "0", "--data", data];
    if (options.memory) args.push("--memory");
    const child = new Deno.Command(Deno.execPath(), { args, stdout: "piped", stderr: "inherit", stdin: "null" })
      .spawn();
    try {
      await untilReady(child.stdout);
      const json = JSON.parse(await Deno.readTextFile(`${data}${options.memory ? "/memory" : ""}/cluster.json`));
      return new ClusterProcess(parseClusterFile(json), child, data);
    } catch (error) {
      await end(child, data);
      throw error;
    }
  }

  /** The replicas' processes. */
  get pids(): number[] {
    return childrenOf(this.#child.pid);
  }

  get urls(): string[] {
    return Object.values(this.file.urls);
  }

  /** Stops it and removes its data. */
  async stop(): Promise<void> {
    await end(this.#child, this.#data);
  }
}

async function end(child: Deno.ChildProcess, data: string): Promise<void> {
  try {
    child.kill("SIGTERM");
  } catch { /* it is gone already */ }
  await child.status;
  await Deno.remove(data, { recursive: true });
}

async function untilReady(stdout: ReadableStream<Uint8Array>): Promise<void> {
  let printed = "";
  const reader = stdout.pipeThrough(new TextDecoderStream()).getReader();
  while (!printed.includes("cluster ready")) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`the cluster did not start:\n${printed}`);
    printed += value;
  }
  reader.releaseLock();
}
