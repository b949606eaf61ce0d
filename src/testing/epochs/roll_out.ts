/**
 * The code of the hosts: some lack the next version of the state machine, until their operator starts them with
 * it.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { MachineChange, Reconfiguration } from "../plan/reconfigurations.ts";
import type { Cluster } from "../world/cluster.ts";

/** Once faults have ended, hosts lack a version for at most so long, ms. */
const HURRIED_MS = 1_000;

/** The versions of one run. */
export class RollOut {
  readonly #cluster: Cluster;
  /** Deploys a version on a host that lacks it. */
  readonly #waiting = new Set<() => void>();
  #isHurried = false;

  constructor(cluster: Cluster, changes: readonly Reconfiguration[]) {
    this.#cluster = cluster;
    if (!cluster.world.versions) return;
    for (const { machine } of changes) {
      for (const host of machine?.lacking ?? []) this.#lackedBy(host).add(machine!.version);
    }
  }

  /** Whether nobody lacks a version that was asked for. */
  get isDone(): boolean {
    return this.#waiting.size === 0;
  }

  /** The remaining work, for people. */
  get words(): string {
    return `${this.#waiting.size} hosts without a version`;
  }

  /** From now on nobody waits for long. */
  hurry(): void {
    this.#isHurried = true;
    for (const deploy of this.#waiting) deploy();
  }

  /** A version is asked for: those who lack it get it later. */
  begin({ version, lacking, lackingForMs }: MachineChange): void {
    const { engine, versions, coverage } = this.#cluster.world;
    if (!versions) return;
    for (const host of lacking) {
      coverage.count("versions", "lacked by a host");
      const deploy = () => {
        if (!this.#waiting.delete(deploy)) return;
        this.#lackedBy(host).delete(version);
        for (const machine of this.#cluster.machinesOf(host)) if (machine.crash()) machine.start();
      };
      this.#waiting.add(deploy);
      engine.after(this.#isHurried ? Math.min(HURRIED_MS, lackingForMs) : lackingForMs, deploy);
    }
  }

  #lackedBy(host: ReplicaId): Set<string> {
    const lacked = this.#cluster.lacking.get(host) ?? new Set<string>();
    this.#cluster.lacking.set(host, lacked);
    return lacked;
  }
}
