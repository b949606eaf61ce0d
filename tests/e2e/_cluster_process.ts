/** `deno task cluster` as a process, for tests. */
import { eventually as waitUntil } from "../tools/eventually.ts";
import { inFolder } from "../tools/folder.ts";
import { linesOf } from "../tools/lines.ts";

/** The module of `deno task cluster`. */
export const CLUSTER = new URL("../../src/cli/commands/cluster.ts", import.meta.url).href;
/** The module of `deno task replica`. */
export const REPLICA = new URL("../../src/cli/commands/replica.ts", import.meta.url).href;
/** A cluster takes seconds; on a machine with much other work, minutes. */
const START_TIMEOUT_MS = 300_000;

/** What a command printed, line by line. */
export class Lines {
  readonly all: string[] = [];
  readonly #waiting = new Set<() => void>();
  #ended = false;
  readonly done: Promise<void>;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.done = this.#read(stream);
  }

  /** The first line that matches, as soon as it is there. */
  async find(pattern: RegExp): Promise<RegExpExecArray> {
    const deadline = AbortSignal.timeout(START_TIMEOUT_MS);
    for (;;) {
      for (const line of this.all) {
        const match = pattern.exec(line);
        if (match) return match;
      }
      if (this.#ended || deadline.aborted) throw new Error(`no line matches ${pattern} in:\n${this.all.join("\n")}`);
      await new Promise<void>((resolve) => {
        this.#waiting.add(resolve);
        deadline.addEventListener("abort", () => resolve(), { once: true });
      });
    }
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const line of linesOf(stream)) {
      this.all.push(line);
      this.#wake();
    }
    this.#ended = true;
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

/** A process of ours. */
export class Command {
  readonly #child: Deno.ChildProcess;
  readonly out: Lines;
  readonly err: Lines;

  constructor(module: string, args: readonly string[]) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", module, ...args],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.out = new Lines(this.#child.stdout);
    this.err = new Lines(this.#child.stderr);
  }

  kill(signal: Deno.Signal): void {
    try {
      this.#child.kill(signal);
    } catch { /* it is gone already */ }
  }

  /** Its exit code, once it is over and all that it printed is here. */
  async ended(): Promise<number> {
    const { code } = await this.#child.status;
    await Promise.all([this.out.done, this.err.done]);
    return code;
  }
}

/** Runs `deno task cluster` with options that make it fail; gives its exit code and what it says. */
export async function failingCluster(args: readonly string[]): Promise<{ code: number; out: string[]; err: string[] }> {
  const command = new Command(CLUSTER, args);
  const code = await command.ended();
  return { code, out: command.out.all, err: command.err.all };
}

/** A running cluster. */
export class ClusterProcess {
  readonly command: Command;
  readonly names: readonly string[];
  readonly urls: ReadonlyMap<string, string>;

  private constructor(command: Command, urls: ReadonlyMap<string, string>, readonly folder: string) {
    this.command = command;
    this.urls = urls;
    this.names = [...urls.keys()];
  }

  /** Starts a cluster, on free ports if there is none in the folder, and waits until it is ready. */
  static async start(folder: string, args: readonly string[] = []): Promise<ClusterProcess> {
    const port = exists(`${folder}/cluster.json`) ? [] : ["--port", "0"];
    const command = new Command(CLUSTER, ["--data", folder, ...port, ...args]);
    try {
      await command.out.find(/^cluster ready$/);
    } catch (error) {
      command.kill("SIGINT");
      await command.ended();
      throw new Error(`${(error as Error).message}\n${command.err.all.join("\n")}`);
    }
    const started = command.out.all.flatMap((line) => /^(\w+) +(http:\S+) +pid \d+$/.exec(line) ?? []);
    const urls = new Map<string, string>();
    for (let i = 0; i < started.length; i += 3) urls.set(started[i + 1]!, started[i + 2]!);
    return new ClusterProcess(command, urls, folder);
  }

  url(name: string): string {
    return this.urls.get(name)!;
  }

  /** The process that serves a replica now. */
  pid(name: string): number {
    const pids = this.command.out.all.flatMap((line) => {
      const match = /^(\w+) +http:\S+ +pid (\d+)$/.exec(line);
      return match?.[1] === name ? [Number(match[2])] : [];
    });
    return pids.at(-1)!;
  }

  /** Every replica's process that was ever started. */
  get pids(): readonly number[] {
    return this.command.out.all.flatMap((line) => /pid (\d+)$/.exec(line)?.[1] ?? []).map(Number);
  }

  /** One request at one replica. */
  async req(name: string, body: { clientID: string; timestamp?: number; operation: unknown }): Promise<Answer> {
    const response = await fetch(`${this.url(name)}/req`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return { status: response.status, ...await response.json() };
  }

  async status(name: string): Promise<{ lastExecuted: number; history: string; primary: string; viewID: number }> {
    return await (await fetch(`${this.url(name)}/status`)).json();
  }

  /** Starts one replica by itself, as an operator would. */
  startReplica(name: string): Command {
    const key = `${this.folder}/${name}/key`;
    const state = `${this.folder}/${name}/state.db`;
    return new Command(REPLICA, [
      "--cluster",
      `${this.folder}/cluster.json`,
      "--name",
      name,
      "--key",
      key,
      "--state",
      state,
    ]);
  }

  /** Ctrl-C. Gives the exit code. */
  async interrupt(): Promise<number> {
    this.command.kill("SIGINT");
    return await this.command.ended();
  }

  /** Pulls the plug: no process has time for a last word. */
  async killAll(): Promise<void> {
    for (const pid of this.pids) if (isAlive(pid)) Deno.kill(pid, "SIGKILL");
    this.command.kill("SIGKILL");
    await this.command.ended();
  }
}

/** What `/req` answers. */
export interface Answer {
  readonly status: number;
  readonly result?: unknown;
  readonly sequenceID?: number;
  readonly timestamp?: number;
  readonly nodeID?: string;
  readonly voters?: readonly string[];
  readonly type?: string;
  readonly detail?: string;
}

/** Whether a process is there, and no mere zombie. */
export function isAlive(pid: number): boolean {
  if (Deno.build.os === "linux") {
    try {
      return !/\) [ZX]/.test(Deno.readTextFileSync(`/proc/${pid}/stat`));
    } catch {
      return false;
    }
  }
  const { success, stdout } = new Deno.Command("ps", { args: ["-o", "stat=", "-p", String(pid)] }).outputSync();
  return success && !new TextDecoder().decode(stdout).startsWith("Z");
}

/** Asks again and again until it is so. @throws {Error} if it isn't in time. */
export function eventually(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  return waitUntil(what, isSo, START_TIMEOUT_MS);
}

/** Runs a test in a folder of its own. */
/** Runs a test on a cluster, which is interrupted at the end whatever happens. */
export async function withCluster(
  args: readonly string[],
  test: (cluster: ClusterProcess) => Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    const cluster = await ClusterProcess.start(folder, args);
    try {
      await test(cluster);
    } catch (error) {
      console.error([...cluster.command.out.all, ...cluster.command.err.all].join("\n"));
      throw error;
    } finally {
      await cluster.interrupt();
    }
  });
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}
