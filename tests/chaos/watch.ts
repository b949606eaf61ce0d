/**
 * Looks at the replicas all the time: where two have executed equally much, their histories must be equal.
 * @module
 */
import type { Fleet } from "./fleet.ts";

const INTERVAL_MS = 100;

/** What was seen of a fleet's replicas. */
export class Watch {
  readonly violations: string[] = [];
  /** How many numbers were seen at two replicas or more. */
  compared = 0;
  readonly #fleet: Fleet;
  readonly #histories = new Map<number, { readonly history: string; readonly by: string }>();
  readonly #twice = new Set<number>();
  readonly #running: Promise<void>;
  #stopped = false;

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
    this.#running = this.#loop();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async look(): Promise<void> {
    await Promise.all(this.#fleet.names.map(async (name) => {
      const report = await this.#fleet.status(name);
      if (!report) return;
      const { lastExecuted, history, halted } = report;
      if (halted !== null) this.violations.push(`${name} halted: ${halted}`);
      const known = this.#histories.get(lastExecuted);
      if (!known) this.#histories.set(lastExecuted, { history, by: name });
      else if (known.history !== history) {
        this.violations.push(`histories differ at ${lastExecuted}: ${known.by} ${known.history}, ${name} ${history}`);
      } else if (known.by !== name && !this.#twice.has(lastExecuted)) {
        this.#twice.add(lastExecuted);
        this.compared++;
      }
    }));
  }

  async #loop(): Promise<void> {
    while (!this.#stopped && this.violations.length === 0) {
      await this.look();
      await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
    }
  }
}
