/**
 * The output of `deno task cluster` itself. Its replicas print their own logs.
 * @module
 */
import { Log, type LogFormat } from "../../runtime/log/log.ts";
import { systemTimer } from "../../runtime/host/system_timer.ts";
import type { ChildReplica } from "./child_replica.ts";

/** Prints text for people, or JSON lines. */
export class ClusterOutput {
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

  /** Prints that the cluster is ready. */
  ready(url: string, clusterFile: string): void {
    if (this.format === "json") {
      const fields = { url, clusterFile };
      return this.#log("cluster").write({ event: "cluster-ready", message: "cluster ready", fields });
    }
    console.log(`
Try:  curl ${url}/req -H 'content-type: application/json' -d '{"clientID":"ada","operation":"SET name Ada"}'
      curl '${url}/status?pretty'
Cluster file: ${clusterFile}. Ctrl-C stops all replicas.

cluster ready`);
  }

  #log(name: string, print: (line: string) => void = console.log): Log {
    return new Log({ name, format: this.format, timer: systemTimer(), print });
  }
}
