/**
 * Proxies before the replicas that delay what goes through them, in a process of their own.
 * @module
 */
import { linesOf } from "../../tools/lines.ts";
import { freePorts } from "../../tools/ports.ts";
import type { Delays } from "./delays.ts";
import type { Faults, Route, Weather } from "./proxy_process.ts";

const PROCESS = new URL("./proxy_process.ts", import.meta.url).pathname;

/** The proxies of one cluster: one for each way from a replica, or from the clients, to a replica. */
export class Proxies {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #answers: AsyncIterator<string>;
  /** Ports by source (the last one is the clients' place) and target. */
  readonly #ports: readonly (readonly number[])[];
  readonly #targets: readonly string[];

  private constructor(child: Deno.ChildProcess, ports: readonly (readonly number[])[], targets: readonly string[]) {
    this.#child = child;
    this.#ports = ports;
    this.#targets = targets;
    this.#writer = child.stdin.getWriter();
    this.#answers = linesOf(child.stdout)[Symbol.asyncIterator]();
  }

  /** Starts them before replicas at these URLs, without a delay. */
  static async start(targets: readonly string[]): Promise<Proxies> {
    const n = targets.length;
    const free = freePorts((n + 1) * n);
    const ports = Array.from({ length: n + 1 }, (_, from) => free.slice(from * n, (from + 1) * n));
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-prompt", "--no-lock", "--no-check", "--allow-net", PROCESS],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const proxies = new Proxies(child, ports, targets);
    const routes = ports.flatMap((row, from) =>
      row.map((port, to): Route => ({ from, to, port, target: Number(new URL(targets[to]!).port) }))
    );
    await proxies.#tell({ routes });
    return proxies;
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** The URLs by which a replica reaches the members. It reaches itself without a proxy. */
  urlsFor(replica: number): string[] {
    return this.#targets.map((url, to) => to === replica ? url : this.#url(replica, to));
  }

  /** The URLs by which clients reach the members. */
  urlsForClients(): string[] {
    return this.#targets.map((_, to) => this.#url(this.#targets.length, to));
  }

  /** From now on these delays hold, and `stalls` of all chunks (0 to 1) come as late as a lost packet that TCP sends again. */
  async set(delays: Delays, stalls: number): Promise<void> {
    await this.#tell({ delays, stalls });
  }

  /** From now on these links are faulty, and no others. */
  async fault(faults: Faults["faults"]): Promise<void> {
    await this.#tell({ faults });
  }

  async stop(): Promise<void> {
    await this.#writer.close();
    while (!(await this.#answers.next()).done);
    await this.#child.status;
  }

  #url(from: number, to: number): string {
    return `http://127.0.0.1:${this.#ports[from]![to]}`;
  }

  async #tell(order: { readonly routes: readonly Route[] } | Weather | Faults): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(JSON.stringify(order) + "\n"));
    const { done } = await this.#answers.next();
    if (done) throw new Error("the process of the proxies has ended");
  }
}
