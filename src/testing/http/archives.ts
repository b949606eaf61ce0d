/**
 * The archives of replicas: outside of their stores, slow, and at times they refuse. Each replica must have given its archive all that it has executed
 * and forgotten, with a proof.
 * @module
 */
import { verifyArchived } from "../../client/proofs/archive.ts";
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { Archive, ArchivedBatch } from "../../node/ports.ts";
import type { Random } from "../random.ts";
import type { World } from "../world/world.ts";
import type { HostedReplica, WebParts } from "./ports.ts";

/** How long a call takes, ms, and the part of the calls that fail while there are faults, half of them after they were done. */
const [TAKES_MS, FAILURES] = [5, 0.1];
/** Proofs that are verified in one run: each costs three signatures of the real kind. */
const MOST_PROOFS = 40;

/** What is known of one replica. */
interface Kept {
  readonly batches: Map<number, ArchivedBatch>;
  /** The numbers that it has executed on its present disk. */
  executed: Set<number>;
  disk: number;
  /** What its store has. */
  records: ReadonlyMap<string, unknown>;
}

/** The archives of one run. */
export class Archives {
  readonly #parts: WebParts;
  readonly #random: Random;
  readonly #kept = new Map<ReplicaId, Kept>();
  #failures = FAILURES;

  constructor(parts: WebParts, random: Random) {
    this.#parts = parts;
    this.#random = random;
  }

  /** The faults are over. */
  heal(): void {
    this.#failures = 0;
  }

  /** That of a host. Its processes share it. */
  of(host: ReplicaId): Archive {
    return {
      put: async (batches) => {
        const { engine, coverage } = this.#parts;
        await new Promise<void>((resolve) => engine.after(this.#random.exponential(TAKES_MS), resolve));
        const fails = this.#random.chance(this.#failures);
        coverage.count("http archive", fails ? "refused" : "put");
        if (fails && this.#random.chance(0.5)) throw new Error("the archive refuses");
        for (const batch of batches) this.#put(host, batch);
        if (fails) throw new Error("the archive does not say that it is done");
      },
    };
  }

  /** Notes what a process executes. */
  watch({ station, node, isFaulty, disk }: HostedReplica): void {
    if (isFaulty) return;
    const kept = this.#of(station.replica);
    kept.records = disk.records;
    if (kept.disk !== disk.replaced) Object.assign(kept, { disk: disk.replaced, executed: new Set() });
    const before = disk.replaced;
    node.observe({
      onEvent: (event) => {
        if (disk.replaced !== before) return;
        if (event.kind === "stage" && event.stage === "executed") kept.executed.add(event.sequence);
        // What it had executed, and not stored yet, it may skip then.
        if (event.kind !== "state-transfer" || event.phase !== "finished") return;
        for (const sequence of kept.executed) if (sequence <= event.sequence) kept.executed.delete(sequence);
      },
    });
  }

  #of(host: ReplicaId): Kept {
    const kept = this.#kept.get(host) ?? { batches: new Map(), executed: new Set(), disk: 0, records: new Map() };
    this.#kept.set(host, kept);
    return kept;
  }

  #put(host: ReplicaId, batch: ArchivedBatch): void {
    const { batches } = this.#of(host);
    const known = batches.get(batch.sequence);
    if (known && known.digest !== batch.digest) {
      this.#parts.report("agreement", `${this.#nameOf(host)} archives two batches at ${batch.sequence}`);
    }
    batches.set(batch.sequence, batch);
  }

  /** At the end: nothing is missing, everything is what was executed, and the proofs hold. */
  async check(
    { checker: { executions }, genesis, report }: World,
    forgotten: ReadonlyMap<ReplicaId, number>,
  ): Promise<void> {
    const all: [ReplicaId, ArchivedBatch][] = [];
    for (const [host, { batches, executed, records }] of this.#kept) {
      for (const sequence of executed) {
        // The last commits may be under way.
        const isForgotten = sequence <= (forgotten.get(host) ?? 0) - 2 * genesis.checkpointInterval;
        if (isForgotten && !batches.has(sequence) && !records.has(`committed/${sequence}`)) {
          return report("durability", `${this.#nameOf(host)} has forgotten ${sequence}, and its archive lacks it`);
        }
      }
      for (const batch of batches.values()) {
        const entry = executions.entries.get(batch.sequence);
        if (entry && entry.digest !== batch.digest) {
          return report("agreement", `${this.#nameOf(host)} archives at ${batch.sequence} what was not executed there`);
        }
        all.push([host, batch]);
      }
    }
    const every = Math.max(1, Math.ceil(all.length / MOST_PROOFS));
    for (let i = 0; i < all.length; i += every) {
      const [host, batch] = all[i]!;
      try {
        const { sequence } = await verifyArchived({ genesis }, batch);
        if (sequence !== batch.sequence) throw new Error(`it proves ${sequence}`);
      } catch (error) {
        return report("answers", `the archive of ${this.#nameOf(host)} does not prove ${batch.sequence}: ${error}`);
      }
    }
  }

  #nameOf(host: ReplicaId): string {
    return this.#parts.hosts.nameOf(host);
  }
}
