/**
 * The callers of one cluster, in a process of their own.
 * @module
 */
import { fileURLToPath } from "node:url";
import type { ClusterFile } from "../../../src/client/mod.ts";
import { linesOf } from "../../tools/lines.ts";
import { type Checkout, denoOf } from "../cluster/checkout.ts";
import type { Load, Order } from "./protocol.ts";

const PROCESS = fileURLToPath(new URL("./process.ts", import.meta.url));

/** A process that lets callers work. */
export class LoadProcess {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #answers: AsyncIterator<string>;
  readonly #file: string;

  private constructor(child: Deno.ChildProcess, file: string) {
    this.#child = child;
    this.#file = file;
    this.#writer = child.stdin.getWriter();
    this.#answers = linesOf(child.stdout)[Symbol.asyncIterator]();
  }

  /** Starts it with the client of a checkout. */
  static async start(checkout: Checkout, cluster: ClusterFile): Promise<LoadProcess> {
    const file = await Deno.makeTempFile({ prefix: "pbft-bench-", suffix: ".json" });
    await Deno.writeTextFile(file, JSON.stringify(cluster));
    const args = ["-A", PROCESS, checkout.dir, file];
    const child = denoOf(checkout, { args, stdin: "piped", stdout: "piped", stderr: "inherit" }).spawn();
    return new LoadProcess(child, file);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Has a round done. @throws {Error} if the process has ended. */
  async run(order: Order): Promise<Load> {
    await this.#writer.write(new TextEncoder().encode(JSON.stringify(order) + "\n"));
    const { done, value } = await this.#answers.next();
    if (done) throw new Error("the process of the callers has ended");
    return JSON.parse(value);
  }

  async stop(): Promise<void> {
    await this.#writer.close();
    await this.#child.status;
    await Deno.remove(this.#file);
  }
}
