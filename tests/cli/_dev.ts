/** `pbft` as a process, and a cluster that `pbft dev` runs, for tests. */
import { Command, Lines } from "../e2e/_cluster_process.ts";

/** The module of the command. */
export const PBFT = new URL("../../src/cli/mod.ts", import.meta.url).href;

/** What a command printed, and its exit code. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** How to run one. */
export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  readonly input?: string;
  /** The program and its first arguments; by default this Deno and the command's module. */
  readonly program?: readonly string[];
}

const DENO = [Deno.execPath(), "run", "-A", "--quiet", PBFT];

/** Runs `pbft` with these arguments, without a terminal. */
export async function pbft(
  args: readonly string[],
  { cwd, env, input, program = DENO }: RunOptions = {},
): Promise<Ran> {
  const child = new Deno.Command(program[0]!, {
    args: [...program.slice(1), ...args],
    ...(cwd && { cwd }),
    env: { NO_COLOR: "1", ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input ?? "")).catch(() => {});
  await writer.close().catch(() => {});
  const { code, stdout, stderr } = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trimEnd();
  return { code, out: text(stdout), err: text(stderr) };
}

/** A cluster that `pbft dev` runs. */
export class Dev {
  readonly #child: Deno.ChildProcess;
  readonly out: Lines;
  readonly err: Lines;

  private constructor(readonly folder: string, child: Deno.ChildProcess) {
    this.#child = child;
    this.out = new Lines(child.stdout);
    this.err = new Lines(child.stderr);
  }

  /** Starts one in a folder, on free ports, and waits until it is ready. */
  static async start(folder: string, args: readonly string[] = [], program: readonly string[] = DENO): Promise<Dev> {
    const child = new Deno.Command(program[0]!, {
      args: [...program.slice(1), "dev", "--port", "0", ...args],
      cwd: folder,
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const dev = new Dev(folder, child);
    try {
      await dev.out.find(/ {2}stop /);
    } catch (error) {
      dev.interrupt();
      await dev.ended();
      throw new Error(`${(error as Error).message}\n${dev.err.all.join("\n")}`);
    }
    return dev;
  }

  interrupt(): void {
    try {
      this.#child.kill("SIGINT");
    } catch { /* it is gone */ }
  }

  /** Its exit code, once it is over. */
  async ended(): Promise<number> {
    const { code } = await this.#child.status;
    await Promise.all([this.out.done, this.err.done]);
    return code;
  }

  /** The processes of its replicas, by name. */
  async pids(): Promise<ReadonlyMap<string, number>> {
    const { stdout } = await new Deno.Command("ps", { args: ["-eo", "pid=,ppid=,args="] }).output();
    const rows = new TextDecoder().decode(stdout).split("\n").map((row) => /^ *(\d+) +(\d+) (.*)$/.exec(row));
    return new Map(rows.flatMap((row) => {
      const name = row && Number(row[2]) === this.#child.pid ? /--name (\w+)/.exec(row[3]!)?.[1] : undefined;
      return name === undefined ? [] : [[name, Number(row![1])] as const];
    }));
  }
}

export { Command };
