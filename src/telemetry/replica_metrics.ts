/**
 * What a replica measures for OpenTelemetry. `GET /metrics` has more, for Prometheus.
 * @module
 */
import type { Attributes, BatchObservableResult, Meter } from "@opentelemetry/api";
import type { ReplicaEvent } from "../core/events.ts";
import type { Rejection } from "../node/ports.ts";
import type { NodeStatus } from "../node/status.ts";

type StageEvent = Extract<ReplicaEvent, { readonly kind: "stage" }>;

/** Boundaries of times, s. */
const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Numbers that are timed at once. Further ones are not timed. */
const MAX_TIMED = 4_096;

/** The metrics of one replica. */
export class ReplicaMetrics {
  readonly #meter: Meter;
  readonly #attributes: Attributes;
  readonly #operations;
  readonly #batches;
  readonly #viewChanges;
  readonly #rejected;
  readonly #agreement;
  readonly #storeCommits;
  /** When each open number was pre-prepared, ms of the monotonic clock. */
  readonly #since = new Map<number, number>();
  #stop: (() => void) | null = null;

  constructor(name: string, meter: Meter) {
    this.#meter = meter;
    this.#attributes = { "pbft.replica": name };
    this.#operations = meter.createCounter("pbft.operations", { description: "Operations executed." });
    this.#batches = meter.createCounter("pbft.batches", { description: "Batches executed." });
    this.#viewChanges = meter.createCounter("pbft.view_changes", { description: "Views that this replica left." });
    this.#rejected = meter.createCounter("pbft.messages.rejected", { description: "Frames rejected by the gate." });
    const advice = { explicitBucketBoundaries: SECONDS };
    this.#agreement = meter.createHistogram("pbft.agreement.duration", {
      description: "Time of a batch from its pre-prepare to its commit certificate.",
      unit: "s",
      advice,
    });
    this.#storeCommits = meter.createHistogram("pbft.store.commit.duration", {
      description: "Time of a commit to the store.",
      unit: "s",
      advice,
    });
  }

  onEvent(event: ReplicaEvent): void {
    if (event.kind === "stage") this.#onStage(event);
    if (event.kind === "view-change") this.#viewChanges.add(1, { ...this.#attributes, "pbft.reason": event.why });
    if (event.kind === "state-transfer") this.#since.clear();
  }

  onRejected({ reason }: Rejection): void {
    this.#rejected.add(1, { ...this.#attributes, "pbft.reason": reason });
  }

  onCommit(durationMs: number): void {
    this.#storeCommits.record(durationMs / 1000, this.#attributes);
  }

  /** Adds gauges of the status. */
  measure(status: () => NodeStatus): void {
    this.#stop?.();
    const gauge = (name: string, description: string) => this.#meter.createObservableGauge(name, { description });
    const view = gauge("pbft.view", "Current view.");
    const executed = gauge("pbft.executed", "The last executed sequence number.");
    const pending = gauge("pbft.requests.pending", "Requests that wait to be ordered.");
    const open = gauge("pbft.numbers.open", "Sequence numbers that are open.");
    const inbox = gauge("pbft.inbox.frames", "Frames that wait to be verified.");
    const outbox = gauge("pbft.outbox.frames", "Frames that wait to be sent, by peer.");
    const all = [view, executed, pending, open, inbox, outbox];
    const read = (result: BatchObservableResult) => {
      const now = attempt(status);
      if (now === null) return;
      const { replica, inbox: frames, outboxes } = now;
      result.observe(view, replica.view, this.#attributes);
      result.observe(executed, replica.lastExecuted, this.#attributes);
      result.observe(pending, replica.pendingRequests, this.#attributes);
      result.observe(open, replica.slots.length, this.#attributes);
      result.observe(inbox, frames, this.#attributes);
      for (const { peer, depth } of outboxes) result.observe(outbox, depth, { ...this.#attributes, "pbft.peer": peer });
    };
    this.#meter.addBatchObservableCallback(read, all);
    this.#stop = () => this.#meter.removeBatchObservableCallback(read, all);
  }

  close(): void {
    this.#stop?.();
    this.#stop = null;
    this.#since.clear();
  }

  #onStage({ stage, sequence, operations }: StageEvent): void {
    if (stage === "pre-prepared" && this.#since.size < MAX_TIMED) this.#since.set(sequence, performance.now());
    const since = this.#since.get(sequence);
    if (stage === "committed" && since !== undefined) {
      this.#agreement.record((performance.now() - since) / 1000, this.#attributes);
    }
    if (stage !== "executed") return;
    this.#since.delete(sequence);
    this.#batches.add(1, this.#attributes);
    this.#operations.add(operations, this.#attributes);
  }
}

/** The status; `null` if there is no replica now: a member may still wait for its epoch. */
function attempt(status: () => NodeStatus): NodeStatus | null {
  try {
    return status();
  } catch {
    return null;
  }
}
