/**
 * Looks at the views of a fleet's replicas all the time: who is outside the view of the others, and for how long.
 * @module
 */
import type { Fleet, ReplicaReport } from "./fleet.ts";

const INTERVAL_MS = 50;

/** Where the replicas were at one moment. A replica that gave no answer is `null`. */
interface Look {
  /** On this process's monotonic clock, ms. */
  readonly at: number;
  readonly reports: ReadonlyMap<string, ReplicaReport | null>;
}

/** What was seen of a fleet's views. */
export class ViewWatch {
  readonly #fleet: Fleet;
  readonly #looks: Look[] = [];
  readonly #running: Promise<void>;
  #stopped = false;

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
    this.#running = this.#loop();
  }

  /** The highest view in which a quorum of the replicas takes part, or -1. */
  get view(): number {
    const last = this.#looks.at(-1);
    return last ? commonView(last, this.#quorum) : -1;
  }

  /** The primary of that view. */
  get primary(): string {
    return this.#fleet.names[Math.max(0, this.view) % this.#fleet.names.length]!;
  }

  /** Forgets what was seen so far. */
  clear(): void {
    this.#looks.splice(0, this.#looks.length - 1);
  }

  /** Whether all replicas take part in one view, as seen last. */
  get isWhole(): boolean {
    const last = this.#looks.at(-1);
    return last !== undefined && this.#fleet.names.every((name) => this.#isInside(last, name));
  }

  /** How long after `from` a replica was last seen outside the view of the others, ms; 0 if it was never seen so. */
  outsideMs(name: string, from: number): number {
    const seen = this.#looks.filter((look) => look.at > from && !this.#isInside(look, name)).at(-1);
    return seen ? seen.at - from : 0;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  get #quorum(): number {
    return this.#fleet.names.length - this.#fleet.f;
  }

  #isInside(look: Look, name: string): boolean {
    const report = look.reports.get(name);
    return report !== null && report !== undefined && report.active && report.viewID === commonView(look, this.#quorum);
  }

  async #loop(): Promise<void> {
    while (!this.#stopped) {
      const at = performance.now();
      const { names } = this.#fleet;
      const reports = await Promise.all(names.map((name) => this.#fleet.status(name)));
      this.#looks.push({ at, reports: new Map(names.map((name, i) => [name, reports[i]!])) });
      await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
    }
  }
}

function commonView({ reports }: Look, quorum: number): number {
  const counts = new Map<number, number>();
  for (const report of reports.values()) {
    if (report?.active) counts.set(report.viewID, (counts.get(report.viewID) ?? 0) + 1);
  }
  return Math.max(-1, ...[...counts].filter(([, count]) => count >= quorum).map(([view]) => view));
}
