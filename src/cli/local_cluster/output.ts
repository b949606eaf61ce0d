/**
 * The output of `deno task cluster` itself. Its replicas print their own logs.
 * @module
 */
import { quorum } from "../../core/messages/quorum.ts";
import { Log, type LogFormat } from "../../runtime/log/log.ts";
import { systemTimer } from "../../runtime/host/system_timer.ts";
import type { ChildReplica } from "./child_replica.ts";

/** What a supervisor tells. */
export interface Notices {
  /** A replica's process was started. */
  started(child: ChildReplica): void;
  /** A replica's process died. `next`: what happens next. */
  died(child: ChildReplica, ending: string, next: string): void;
  /** A quorum is left: how many more may stop. */
  degraded(alive: readonly string[], n: number): void;
  /** No quorum is left. */
  noQuorum(alive: readonly string[], n: number): void;
}

/** Prints text for people, or JSON lines. */
export class ClusterOutput implements Notices {
  constructor(readonly format: LogFormat) {}

  /** Prints that a replica's process was started. */
  started({ pid, options: { name, url } }: ChildReplica): void {
    if (this.format === "text") return console.log(`${name.padEnd(6)} ${url}  pid ${pid}`);
    this.#log(name).write({
      event: "process-started",
      message: "the replica's process was started",
      fields: { url, pid },
    });
  }

  /** Prints that a replica's process died. `next`: what happens next. */
  died({ pid, options: { name } }: ChildReplica, ending: string, next: string): void {
    const message = `the replica's process died (${ending})${next}`;
    this.#log(name, console.error).error({ event: "process-died", message, fields: { pid } });
  }

  degraded(alive: readonly string[], n: number): void {
    const message = degradedText(alive, n);
    this.#log("cluster", console.error).warn({ event: "replica-missing", message, fields: { running: alive.length } });
  }

  noQuorum(alive: readonly string[], n: number): void {
    const message = noQuorumText(alive, n);
    this.#log("cluster", console.error).error({ event: "no-quorum", message, fields: { running: alive.length } });
  }

  /** Prints that the cluster is ready. */
  ready(url: string, clusterFile: string, page: string | null): void {
    if (this.format === "json") {
      const fields = { url, clusterFile, ...(page !== null && { page }) };
      return this.#log("cluster").write({ event: "cluster-ready", message: "cluster ready", fields });
    }
    console.log(`
Try:  curl ${url}/req -H 'content-type: application/json' -d '{"clientID":"ada","operation":"SET name Ada"}'
      curl '${url}/status?pretty'
${page === null ? "" : `See:  ${page}\n`}Cluster file: ${clusterFile}. Ctrl-C stops all replicas.

cluster ready`);
  }

  #log(name: string, print: (line: string) => void = console.log): Log {
    return new Log({ name, format: this.format, timer: systemTimer(), print });
  }
}

/** `Ball, Candy and Dog go on; one more failure stops the cluster`. */
export function degradedText(alive: readonly string[], n: number): string {
  const spare = alive.length - quorum(n);
  const more = spare === 0 ? "one more failure stops the cluster" : `${spare} more may fail`;
  return `${alive.length} of ${n} replicas go on (${alive.join(", ")}); ${more}`;
}

/** `no quorum: 2 of 4 replicas run, 3 are needed`. */
export function noQuorumText(alive: readonly string[], n: number): string {
  return `no quorum is left: ${alive.length} of ${n} replicas run (${alive.join(", ")}), ${quorum(n)} are needed; ` +
    "no operation is executed until others are started again";
}
