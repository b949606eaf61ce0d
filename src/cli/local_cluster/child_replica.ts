/**
 * One replica's process, as the cluster command sees it.
 * @module
 */

/** What a replica's process is started with. */
export interface ChildReplicaOptions {
  readonly name: string;
  readonly url: string;
  /** Arguments of `replica.ts`. */
  readonly args: readonly string[];
  /** The folder that it may write to. */
  readonly folder: string;
}

/** How a process ended: `exit code 1`, `SIGKILL`. */
export type Ending = string;

/** A replica's process. */
export class ChildReplica {
  readonly #process: Deno.ChildProcess;
  /** Resolves when the process is gone. */
  readonly ended: Promise<Ending>;
  #isAlive = true;

  constructor(readonly options: ChildReplicaOptions) {
    const { args, folder } = options;
    this.#process = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--quiet", "--no-prompt", "--allow-net", "--allow-read", `--allow-write=${folder}`],
        import.meta.resolve("../commands/replica.ts"),
        ...args,
        "--until-eof",
      ],
      // Its input ends with this process, however that ends: so no replica outlives the command.
      stdin: "piped",
      stdout: "inherit",
      stderr: "inherit",
    }).spawn();
    this.ended = this.#process.status.then(({ code, signal }) => {
      this.#isAlive = false;
      return signal ?? `exit code ${code}`;
    });
  }

  get pid(): number {
    return this.#process.pid;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** Whether it answers `/readyz` with 200. */
  async isReady(): Promise<boolean> {
    try {
      const response = await fetch(`${this.options.url}/readyz`, { signal: AbortSignal.timeout(2_000) });
      await response.body?.cancel();
      return response.ok;
    } catch {
      return false;
    }
  }

  /** Asks it to stop, and after a while makes it. */
  async stop(timeoutMs: number): Promise<void> {
    this.#process.stdin.close().catch(() => {});
    const id = setTimeout(() => this.kill(), timeoutMs);
    await this.ended;
    clearTimeout(id);
  }

  /** Ends it at once. */
  kill(): void {
    if (this.#isAlive) this.#process.kill("SIGKILL");
  }
}
