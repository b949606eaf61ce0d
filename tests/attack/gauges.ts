/**
 * What is read of replicas and callers during a time: memory, CPU, views, answers.
 * @module
 */
import { cpuMs, residentBytes } from "../bench/proc.ts";
import { percentile } from "../bench/stats.ts";
import { type Way, WAYS } from "../chaos/clients.ts";
import type { Fleet } from "../chaos/fleet.ts";
import type { Load } from "../chaos/load.ts";

/** Of one replica. */
export interface ReplicaFigures {
  readonly name: string;
  /** At the start, and the most that was seen; `null` where the system does not tell. */
  readonly firstBytes: number | null;
  readonly mostBytes: number | null;
  /** CPU time as a share of one core. */
  readonly cpu: number | null;
}

/** Of all callers of one way. */
export interface CallerFigures {
  readonly way: Way;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly longestMs: number;
}

/** Of one time. */
export interface Figures {
  readonly replicas: readonly ReplicaFigures[];
  readonly callers: readonly CallerFigures[];
  /** What replicas printed of view changes. */
  readonly viewChanges: readonly string[];
  /** Statuses for which callers of `/req` asked again; 0: no answer in time. */
  readonly retries: readonly number[];
  /** CPU time of the attackers as a share of one core. */
  readonly strangersCpu: number | null;
}

const INTERVAL_MS = 500;

/** Reads them until it is stopped. */
export class Gauges {
  readonly #fleet: Fleet;
  readonly #strangers: number | undefined;
  readonly #began = performance.now();
  readonly #cpu: ReadonlyMap<string, number | null>;
  readonly #strangersCpu: number | null;
  readonly #first = new Map<string, number | null>();
  readonly #most = new Map<string, number>();
  readonly #interval: ReturnType<typeof setInterval>;

  /** `strangers`: the attackers' process. */
  constructor(fleet: Fleet, strangers?: number) {
    this.#fleet = fleet;
    this.#strangers = strangers;
    this.#cpu = new Map(fleet.names.map((name) => [name, cpuMs([fleet.pid(name)!])]));
    this.#strangersCpu = this.#cpuOfStrangers();
    this.#look();
    this.#interval = setInterval(() => this.#look(), INTERVAL_MS);
  }

  /** What was seen since the start. */
  stop(load: Load): Figures {
    clearInterval(this.#interval);
    this.#look();
    const now = performance.now();
    const tookMs = now - this.#began;
    const share = (before: number | null, after: number | null) =>
      before === null || after === null ? null : (after - before) / tookMs;
    const replicas = this.#fleet.names.map((name) => ({
      name,
      firstBytes: this.#first.get(name) ?? null,
      mostBytes: this.#most.get(name) ?? null,
      cpu: share(this.#cpu.get(name)!, cpuMs([this.#fleet.pid(name)!])),
    }));
    const callers = WAYS.map((way) => {
      const waits = load.waits(way, this.#began, now);
      const [p50Ms, p99Ms] = [percentile(waits, 0.5), percentile(waits, 0.99)];
      return { way, perSecond: 1000 * waits.length / tookMs, p50Ms, p99Ms, longestMs: waits.at(-1) ?? NaN };
    });
    const viewChanges = this.#fleet.lines.filter(({ at, text }) =>
      at > this.#began && /a new view has started|moving to view/.test(text)
    );
    return {
      replicas,
      callers,
      viewChanges: viewChanges.map(({ text }) => text),
      retries: load.retries.filter(({ at }) => at > this.#began).map(({ status }) => status),
      strangersCpu: share(this.#strangersCpu, this.#cpuOfStrangers()),
    };
  }

  #cpuOfStrangers(): number | null {
    return this.#strangers === undefined ? null : cpuMs([this.#strangers]);
  }

  #look(): void {
    for (const name of this.#fleet.names) {
      const bytes = residentBytes(this.#fleet.pid(name)!);
      if (!this.#first.has(name)) this.#first.set(name, bytes);
      if (bytes !== null) this.#most.set(name, Math.max(bytes, this.#most.get(name) ?? 0));
    }
  }
}
