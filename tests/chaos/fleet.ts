/**
 * Replica processes that can be killed, stopped for a while, and started again, each by itself.
 * @module
 */
import { V8_FLAGS } from "../../src/cli/runtime.ts";
import { eventually } from "../tools/eventually.ts";
import { createCluster, replicaFiles } from "../../src/cli/local_cluster/data.ts";
import { freePorts } from "../tools/ports.ts";
import type { ClusterFile } from "../../src/client/mod.ts";
import type { Faults, LinkFault } from "../bench/wan/proxy_process.ts";
import { Proxies } from "../bench/wan/proxies.ts";
import { linesOf } from "../tools/lines.ts";
import type { Illness } from "./ill_replica.ts";

const SCRIPT = new URL("../../src/cli/commands/replica.ts", import.meta.url).pathname;
const ILL_SCRIPT = new URL("./ill_replica.ts", import.meta.url).pathname;
const READY_TIMEOUT_MS = 60_000;
/** A paused or dying replica answers nothing. */
const STATUS_TIMEOUT_MS = 1_000;
/** Kept of what the replicas print, lines. */
const MAX_LINES = 2_000;

/** What `/status` says, as far as it is used here. */
export interface ReplicaReport {
  readonly viewID: number;
  readonly primary: string;
  readonly active: boolean;
  readonly transferring: boolean;
  readonly halted: string | null;
  readonly lastExecuted: number;
  readonly lowWatermark: number;
  readonly history: string;
  readonly stateRoot: string | null;
  readonly pendingRequests: number;
  readonly recovering: boolean;
}

/** A line that a replica printed. */
export interface Line {
  /** On this process's monotonic clock, ms. */
  readonly at: number;
  readonly text: string;
}

/** Which of a replica's links are faulty: what it hears, what it says, or all. */
export const DIRECTIONS = ["in", "out", "both"] as const;
export type Direction = typeof DIRECTIONS[number];

/** What may happen to a link. */
export const LINK_FAULTS: readonly LinkFault[] = ["hold", "swallow", "reset"];

/** How a fleet differs from one on a good network and good hosts. */
export interface FleetOptions {
  /** Replicas reach each other through proxies, which {@linkcode Fleet.cut} makes faulty. */
  readonly hasLinks?: boolean;
  /** What is wrong with each one's host. */
  readonly illnesses?: readonly Illness[];
}

/** A cluster on this machine, in a folder of its own. */
export class Fleet {
  readonly lines: Line[] = [];
  readonly #processes = new Map<string, Deno.ChildProcess>();
  readonly #reading = new Map<string, Promise<void>>();
  readonly #paused = new Set<string>();
  /** Replicas that are to be told that their disk is not what it was. */
  readonly #diskless = new Set<string>();
  /** Those that have run. */
  readonly #begun = new Set<string>();

  readonly #links: Proxies | null;
  /** The faults of the links of each replica whose links are faulty. */
  readonly #cuts = new Map<string, Faults["faults"]>();
  readonly #illnesses: Illness[];

  private constructor(
    readonly folder: string,
    readonly cluster: ClusterFile,
    links: Proxies | null,
    illnesses: readonly Illness[],
  ) {
    this.#links = links;
    this.#illnesses = [...illnesses];
  }

  /** Makes a cluster of n on free ports, and waits until every replica is ready. */
  static async start(n: number, { hasLinks = false, illnesses = [] }: FleetOptions = {}): Promise<Fleet> {
    const folder = await Deno.makeTempDir({ prefix: "pbft-chaos-" });
    const ports = freePorts(n);
    const cluster = createCluster(folder, n, (index) => `http://127.0.0.1:${ports[index]}`);
    const links = hasLinks ? await Proxies.start(Object.values(cluster.urls)) : null;
    const fleet = new Fleet(folder, cluster, links, illnesses);
    for (const [i, name] of fleet.names.entries()) {
      const reached = links?.urlsFor(i);
      const urls = reached && Object.fromEntries(fleet.names.map((other, to) => [other, reached[to]!]));
      await Deno.writeTextFile(fleet.#clusterFile(name), JSON.stringify(urls ? { ...cluster, urls } : cluster));
    }
    try {
      for (const name of fleet.names) fleet.start(name);
      for (const name of fleet.names) await fleet.untilReady(name);
    } catch (error) {
      await fleet.stop();
      throw error;
    }
    return fleet;
  }

  get names(): readonly string[] {
    return this.cluster.genesis.replicas.map(({ name }) => name);
  }

  /** How many may be faulty at once. */
  get f(): number {
    return Math.floor((this.names.length - 1) / 3);
  }

  url(name: string): string {
    return this.cluster.urls[name]!;
  }

  #clusterFile(name: string): string {
    return `${this.folder}/${name}.json`;
  }

  /** From its next start on a replica's host is ill in this way. */
  set(name: string, illness: Illness): void {
    this.#illnesses[this.names.indexOf(name)] = illness;
  }

  pid(name: string): number | null {
    return this.#processes.get(name)?.pid ?? null;
  }

  /** Starts a replica's process, with what its store holds. */
  start(name: string): void {
    const { key, state } = replicaFiles(this.folder, name);
    const illness = this.#illnesses[this.names.indexOf(name)];
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        // As `pbft` starts replicas.
        ...[
          "run",
          "--quiet",
          V8_FLAGS,
          "-A",
          illness ? ILL_SCRIPT : SCRIPT,
          "--until-eof",
          "--cluster",
          this.#clusterFile(name),
        ],
        ...["--port", new URL(this.url(name)).port, "--name", name, "--key", key, "--state", state],
        ...["--start", this.#diskless.delete(name) ? "recover" : this.#begun.has(name) ? "resume" : "new"],
      ],
      env: illness ? { PBFT_ILL: JSON.stringify(illness) } : {},
      stdin: "piped", // ends with this process, so that no replica outlives it
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#begun.add(name);
    this.#processes.set(name, child);
    this.#reading.set(name, Promise.all([this.#read(child.stdout), this.#read(child.stderr)]).then(() => {}));
  }

  /** kill -9. */
  async kill(name: string): Promise<void> {
    const child = this.#processes.get(name);
    if (!child) return;
    this.#processes.delete(name);
    this.#paused.delete(name);
    try {
      child.kill("SIGKILL");
    } catch { /* it is gone already */ }
    await this.#over(name, child);
  }

  /** Its links to the others are faulty from now on. */
  async cut(name: string, direction: Direction, fault: LinkFault): Promise<void> {
    const at = this.names.indexOf(name);
    const others = this.names.map((_, index) => index).filter((index) => index !== at);
    this.#cuts.set(name, [
      ...(direction === "out" ? [] : others.map((other) => ({ from: other, to: at, fault }))),
      ...(direction === "in" ? [] : others.map((other) => ({ from: at, to: other, fault }))),
    ]);
    await this.#setFaults();
  }

  /** Its links are well again. */
  async mend(name: string): Promise<void> {
    this.#cuts.delete(name);
    await this.#setFaults();
  }

  async #setFaults(): Promise<void> {
    if (!this.#links) throw new TypeError("links: expected a fleet with links, got one without");
    await this.#links.fault([...this.#cuts.values()].flat());
  }

  /** Asks it to stop in good order. */
  async shutDown(name: string): Promise<void> {
    const child = this.#processes.get(name);
    if (!child) return;
    this.resume(name);
    this.#processes.delete(name);
    await this.#over(name, child);
  }

  /** SIGSTOP: the process stays, with its connections, and does nothing. */
  pause(name: string): void {
    this.#processes.get(name)?.kill("SIGSTOP");
    this.#paused.add(name);
  }

  /** SIGCONT. */
  resume(name: string): void {
    if (this.#paused.delete(name)) this.#processes.get(name)?.kill("SIGCONT");
  }

  /** Deletes what a replica that does not run has stored. */
  loseDisk(name: string): void {
    const { state } = replicaFiles(this.folder, name);
    this.#diskless.add(name);
    for (const suffix of ["", "-wal", "-shm", "-journal"]) {
      try {
        Deno.removeSync(state + suffix);
      } catch { /* there is none */ }
    }
  }

  async status(name: string): Promise<ReplicaReport | null> {
    try {
      const response = await fetch(`${this.url(name)}/status`, { signal: AbortSignal.timeout(STATUS_TIMEOUT_MS) });
      const report = await response.json();
      return response.ok ? report : null; // one that starts or stops says so
    } catch {
      return null;
    }
  }

  /** The primary that most replicas name. @throws {Error} if none answers. */
  async primary(): Promise<string> {
    const counts = new Map<string, number>();
    for (const { primary } of await this.#reports()) counts.set(primary, (counts.get(primary) ?? 0) + 1);
    const [first] = [...counts].sort(([, a], [, b]) => b - a);
    return first![0];
  }

  /** What those say that answer in time. One at least does: on a busy machine all may be too late at once. */
  async #reports(): Promise<readonly ReplicaReport[]> {
    let reports: readonly ReplicaReport[] = [];
    await eventually("a replica answers", async () => {
      const all = await Promise.all(this.names.map((name) => this.status(name)));
      reports = all.filter((report) => report !== null);
      return reports.length > 0;
    }, READY_TIMEOUT_MS);
    return reports;
  }

  /** Resolves once a replica has all that it needs to take part; it may have left a view alone, and wait for the others. */
  async untilReady(name: string): Promise<void> {
    const isReady = async () => {
      const report = await this.status(name);
      return report !== null && report.halted === null && !report.recovering && !report.transferring;
    };
    await eventually(`${name} is ready`, isReady, READY_TIMEOUT_MS);
  }

  /** The highest number that any replica says it has executed. */
  async executed(): Promise<number> {
    return Math.max(...(await this.#reports()).map(({ lastExecuted }) => lastExecuted));
  }

  /** Resolves once a replica has executed what another has by now. */
  async untilLevel(name: string, timeoutMs = READY_TIMEOUT_MS): Promise<void> {
    const executed = await this.executed();
    await eventually(
      `${name} has executed ${executed}`,
      async () => ((await this.status(name))?.lastExecuted ?? 0) >= executed,
      timeoutMs,
    );
  }

  /** Stops all replicas and deletes what they stored. */
  async stop(): Promise<void> {
    await Promise.all([...this.#processes.keys()].map((name) => this.shutDown(name)));
    await this.#links?.stop();
    await Deno.remove(this.folder, { recursive: true });
  }

  async #over(name: string, child: Deno.ChildProcess): Promise<void> {
    await child.stdin.close().catch(() => {});
    await child.status;
    await this.#reading.get(name);
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const text of linesOf(stream)) {
      this.lines.push({ at: performance.now(), text });
      if (this.lines.length > MAX_LINES) this.lines.splice(0, this.lines.length - MAX_LINES);
    }
  }
}
