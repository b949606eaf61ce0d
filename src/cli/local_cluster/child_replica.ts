/**
 * The process of one replica, started by the cluster command.
 * @module
 */

/** Options of {@linkcode ChildReplica}. */
export interface ChildReplicaOptions {
  readonly name: string;
  readonly url: string;
  /** The arguments of `replica.ts`. */
  readonly args: readonly string[];
  /** The folder that the process may write to. */
  readonly folder: string;
}

/** How a process ended: `exit code 1`, `SIGKILL`. */
export type Ending = string;

/** A replica's process. */
export class ChildReplica {
  readonly #process: Deno.ChildProcess;
  /** Resolves when the process has ended. */
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
      // Its standard input ends when this process ends for any reason, so no replica outlives the command.
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

  /** Whether `/readyz` answers 200. */
  async isReady(): Promise<boolean> {
    try {
      const response = await fetch(`${this.options.url}/readyz`, { signal: AbortSignal.timeout(2_000) });
      await response.body?.cancel();
      return response.ok;
    } catch {
      return false;
    }
  }

  /** Asks the process to stop, and kills it after `timeoutMs`. */
  async stop(timeoutMs: number): Promise<void> {
    this.#process.stdin.close().catch(() => {});
    const id = setTimeout(() => this.kill(), timeoutMs);
    await this.ended;
    clearTimeout(id);
  }

  /** Kills the process. */
  kill(): void {
    if (this.#isAlive) this.#process.kill("SIGKILL");
  }
}
