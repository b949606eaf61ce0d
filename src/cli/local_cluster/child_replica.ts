/**
 * The process of one replica, started by the cluster command.
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import { codeOf } from "../cli_error.ts";
import { ownCommand } from "../runtime.ts";

/** Options of {@linkcode ChildReplica}. */
export interface ChildReplicaOptions {
  readonly name: string;
  readonly url: string;
  /** The arguments of `pbft serve`. */
  readonly args: readonly string[];
  /** The folder that the process may write to. */
  readonly folder: string;
  /** The file of the state machine, if it is not the key-value machine. */
  readonly machine?: string | undefined;
  /** Gets the lines that it prints; without it they are printed. */
  readonly onLine?: (line: string) => void;
}

/** What the process of a local cluster may be told on its standard input, one word a line. */
export type ChildCommand = "cut" | "join";

/** How a process ended: `exit code 1`, `SIGKILL`. */
export type Ending = string;

/** A replica's process. */
export class ChildReplica {
  readonly #process: ChildProcess;
  /** Resolves when the process has ended. */
  readonly ended: Promise<Ending>;
  #isAlive = true;

  constructor(readonly options: ChildReplicaOptions) {
    const { args, folder, machine, onLine } = options;
    const own = ownCommand(["serve", ...args, "--until-eof", "--obey"], { folder, machine });
    // Its standard input ends when this process ends for any reason, so no replica outlives the command.
    this.#process = spawn(own.program, [...own.args], {
      stdio: ["pipe", onLine ? "pipe" : "inherit", onLine ? "pipe" : "inherit"],
    });
    if (onLine) {
      for (const stream of [this.#process.stdout!, this.#process.stderr!]) createInterface(stream).on("line", onLine);
    }
    this.#process.stdin!.on("error", () => {});
    this.ended = new Promise((resolve) => {
      this.#process.once("error", (error) => resolve(error.message));
      this.#process.once("exit", (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
    this.ended.then(() => this.#isAlive = false);
  }

  get pid(): number {
    return this.#process.pid ?? 0;
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
    this.#process.stdin!.end();
    this.resume();
    const id = setTimeout(() => this.kill(), timeoutMs);
    await this.ended;
    clearTimeout(id);
  }

  /** Tells the process something. */
  tell(command: ChildCommand): void {
    this.#process.stdin!.write(`${command}\n`);
  }

  /** Stops the process where it is. It keeps its connections, and answers nothing. */
  pause(): void {
    if (this.#isAlive) this.#signal("SIGSTOP");
  }

  /** Lets it go on. */
  resume(): void {
    if (this.#isAlive && process.platform !== "win32") this.#signal("SIGCONT");
  }

  /** Kills the process. */
  kill(): void {
    if (this.#isAlive) this.#signal("SIGKILL");
  }

  /** Not by `kill` of the child: under Deno that sends one signal, and after it no other. */
  #signal(signal: "SIGSTOP" | "SIGCONT" | "SIGKILL"): void {
    try {
      process.kill(this.pid, signal);
    } catch (error) {
      // It has ended, and this process will be told soon: one Ctrl-C reaches both.
      if (codeOf(error) !== "ESRCH") throw error;
    }
  }
}
