/**
 * `GET /metrics`: the metrics of a replica, collected as an observer of its node.
 * @module
 */
import type { ReplicaEvent } from "../../core/events.ts";
import type { Message, Stage } from "../../core/messages/messages.ts";
import type { Observer, Rejection, Timer } from "../../node/ports.ts";
import type { OutboxStatus } from "../../node/status.ts";
import { type Count, Registry, type Series } from "./exposition.ts";
import { readiness } from "./status.ts";
import type { HostedNode } from "../hosted_node.ts";
import type { PeerClocks } from "../peers/peer_clocks.ts";

/** Options of {@linkcode Metrics}. */
export interface MetricsOptions {
  readonly node: HostedNode;
  readonly timer: Pick<Timer, "monotonic">;
  /** The clocks of the other members. */
  readonly clocks?: PeerClocks;
  /** Reads the memory of the process in bytes by kind (`rss`, `heapUsed`), where the host can tell. */
  readonly memory?: () => Readonly<Record<string, number>>;
}

const LATENCY_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const SIZES = [0, 1, 4, 16, 64, 256, 1024, 4096, 16_384];
const BYTES = [256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576];
/** Sequence numbers whose stages are timed at the same time; further ones are not timed. */
const MAX_TIMED = 4096;

/** Values with two labels, such as direction and kind. Each is made once. */
class Table<V> {
  readonly #rows = new Map<string, Map<string, V>>();
  constructor(readonly make: (row: string, column: string) => V) {}

  get(row: string, column: string): V {
    let columns = this.#rows.get(row);
    if (!columns) this.#rows.set(row, columns = new Map());
    let value = columns.get(column);
    if (value === undefined) columns.set(column, value = this.make(row, column));
    return value;
  }
}

/** The metrics of one replica. */
export class Metrics implements Observer {
  readonly #registry = new Registry();
  readonly #timer: Pick<Timer, "monotonic">;
  readonly #nameOf: (replica: number) => string;
  /** The current stage of each open sequence number, and when it was reached, on the monotonic clock. */
  readonly #reached = new Map<number, { readonly stage: Stage | "executed"; readonly at: number }>();

  readonly #batches = this.#registry.counter("pbft_batches_total", "Batches executed.");
  readonly #requests = this.#registry.counter("pbft_requests_total", "Requests in executed batches.");
  readonly #operations = this.#registry.counter("pbft_operations_total", "Operations in executed batches.");
  readonly #batchOperations = this.#registry.histogram(
    "pbft_batch_operations",
    "Operations per executed batch.",
    SIZES,
  );
  readonly #batchBytes = this.#registry.histogram("pbft_batch_bytes", "Bytes per executed batch.", BYTES);
  readonly #stages = this.#registry.histogram(
    "pbft_stage_seconds",
    "Time of a sequence number from one stage to the next.",
    LATENCY_SECONDS,
  );
  readonly #checkpoints = this.#registry.counter("pbft_checkpoints_total", "Checkpoints, by phase: taken or stable.");
  readonly #transfers = this.#registry.counter(
    "pbft_state_transfers_total",
    "State transfers, by phase: started or finished.",
  );
  readonly #received = this.#registry.counter("pbft_requests_received_total", "Client requests received.");
  readonly #messages = this.#registry.counter("pbft_messages_total", "Messages, by direction and kind.");
  readonly #messageBytes = this.#registry.counter(
    "pbft_message_bytes_total",
    "Bytes of messages, by direction and kind.",
  );
  readonly #rejected = this.#registry.counter(
    "pbft_messages_rejected_total",
    "Frames rejected before they reached the core, by kind and reason.",
  );
  readonly #discarded = this.#registry.counter(
    "pbft_messages_discarded_total",
    "Verified messages discarded by the core, by kind and reason.",
  );
  readonly #evidence = this.#registry.counter(
    "pbft_evidence_total",
    "Contradictory messages of replicas kept as evidence, by kind and replica.",
  );
  readonly #views = this.#registry.counter(
    "pbft_view_changes_total",
    "View changes, by phase (suspected, left, started) and reason.",
  );
  readonly #failed = this.#registry.counter(
    "pbft_operations_failed_total",
    "Operations on which the state machine threw.",
  );
  readonly #commits = this.#registry.histogram(
    "pbft_store_commit_seconds",
    "Duration of store commits.",
    LATENCY_SECONDS,
  );
  readonly #commitRecords = this.#registry.counter("pbft_store_records_total", "Records written to the store.");
  readonly #commitBytes = this.#registry.counter("pbft_store_bytes_total", "Bytes written to the store.");
  readonly #http = this.#registry.counter("pbft_http_requests_total", "HTTP requests answered, by route and status.");
  /** The counters of each message and each stage. */
  readonly #traffic = new Table<{ readonly messages: Count; readonly bytes: Count }>((direction, kind) => ({
    messages: this.#messages.of({ direction, kind }),
    bytes: this.#messageBytes.of({ direction, kind }),
  }));
  readonly #discards = new Table<Count>((kind, reason) => this.#discarded.of({ kind, reason }));
  readonly #steps = new Table<Series>((from, to) => this.#stages.of({ from, to }));

  constructor({ node, timer, clocks, memory }: MetricsOptions) {
    this.#timer = timer;
    this.#nameOf = (replica) => node.genesis.replicas[replica]?.name ?? String(replica);
    this.#addNodeGauges(node);
    this.#registry.gauge(
      "pbft_clock_ahead_seconds",
      "Offset of this clock from the other members' (below 0: behind), confirmed by at least f + 1 of them.",
      () => {
        const ahead = clocks?.ahead ?? null;
        return ahead === null ? [] : [[{}, ahead / 1000]];
      },
    );
    if (memory) {
      this.#registry.gauge("pbft_memory_bytes", "Memory of the process, by kind.", () => {
        return Object.entries(memory()).map(([kind, bytes]) => [{ kind }, bytes] as const);
      });
    }
  }

  /** All metrics in the Prometheus text format. */
  text(): string {
    return this.#registry.text();
  }

  /** Counts one answered HTTP request. `route`: one in the table of routes, or `other`. */
  onHttp(route: string, method: string, status: number): void {
    this.#http.add({ route, method, status });
  }

  onEvent(event: ReplicaEvent): void {
    switch (event.kind) {
      case "stage":
        return this.#onStage(event);
      case "request-received":
        return this.#received.add();
      case "checkpoint-taken":
        return this.#checkpoints.add({ phase: "taken" });
      case "checkpoint-stable":
        return this.#checkpoints.add({ phase: "stable" });
      case "suspicion":
        return this.#views.add({ phase: "suspected", why: event.why });
      case "view-change":
        return this.#views.add({ phase: "left", why: event.why });
      case "new-view":
        return this.#views.add({ phase: "started", why: "" });
      case "operation-failed":
        return this.#failed.add();
      case "state-transfer":
        this.#reached.clear();
        return this.#transfers.add({ phase: event.phase });
      case "contradiction":
        return this.#evidence.add({ kind: event.message, replica: this.#nameOf(event.accused) });
      case "discarded":
        return void this.#discards.get(event.message, event.reason).value++;
    }
  }

  onMessage(direction: "in" | "out", kind: Message["kind"], bytes: number): void {
    const traffic = this.#traffic.get(direction, kind);
    traffic.messages.value++;
    traffic.bytes.value += bytes;
  }

  onRejected({ kind, reason }: Rejection): void {
    this.#rejected.add({ kind, reason });
  }

  onCommit(durationMs: number, records: number, bytes: number): void {
    this.#commits.observe(durationMs / 1000);
    this.#commitRecords.add({}, records);
    this.#commitBytes.add({}, bytes);
  }

  #onStage({ stage, sequence, requests, operations, bytes }: ReplicaEvent & { readonly kind: "stage" }): void {
    const now = this.#timer.monotonic();
    const before = this.#reached.get(sequence);
    if (before && before.stage !== stage) {
      this.#steps.get(before.stage, stage).observe((now - before.at) / 1000);
    }
    if (stage !== "executed") {
      if (before || this.#reached.size < MAX_TIMED) this.#reached.set(sequence, { stage, at: now });
      return;
    }
    this.#reached.delete(sequence);
    this.#batches.add();
    this.#requests.add({}, requests);
    this.#operations.add({}, operations);
    this.#batchOperations.observe(operations);
    this.#batchBytes.observe(bytes);
  }

  #addNodeGauges(node: HostedNode): void {
    const gauge = (name: string, help: string, read: (status: ReturnType<HostedNode["status"]>) => number) =>
      this.#registry.gauge(name, help, () => [[{}, read(node.status())]]);
    gauge("pbft_view", "Current view.", ({ replica }) => replica.view);
    gauge(
      "pbft_is_primary",
      "1 if the replica is the primary of its view.",
      ({ replica, self }) => +(replica.primary === self),
    );
    gauge("pbft_view_active", "0 while the replica waits for its view to start.", ({ replica }) => +replica.active);
    gauge("pbft_last_executed", "The last executed sequence number.", ({ replica }) => replica.lastExecuted);
    gauge("pbft_low_watermark", "The last stable checkpoint.", ({ replica }) => replica.lowWatermark);
    gauge("pbft_open_slots", "Open sequence numbers.", ({ replica }) => replica.slots.length);
    gauge("pbft_pending_requests", "Requests waiting to be ordered.", ({ replica }) => replica.pendingRequests);
    gauge("pbft_sessions", "Sessions of signed clients.", ({ replica }) => replica.sessions);
    gauge("pbft_names", "Names of unsigned clients in the client table.", ({ replica }) => replica.names);
    gauge("pbft_inbox_frames", "Frames waiting to be verified.", ({ inbox }) => inbox);
    gauge(
      "pbft_store_failing",
      "1 if commits to the store fail.",
      ({ storeError }) => +(storeError !== undefined),
    );
    gauge("pbft_store_reloads", "Reloads of the replica from its store since the start.", ({ reloads }) => reloads);
    gauge(
      "pbft_input_faults",
      "Inputs on which the core threw, since the start. Expected: 0.",
      ({ inputFaults }) => inputFaults,
    );
    gauge("pbft_peers_in_reach", "Other members in reach and in this replica's view.", ({ inReach }) => inReach.length);
    gauge("pbft_ready", "1 if the replica takes part in the protocol, see /readyz.", () => +readiness(node).ready);
    const perPeer = (name: string, help: string, field: "depth" | "bytes" | "dropped") =>
      this.#registry.gauge(
        name,
        help,
        () =>
          node.status().outboxes.map((outbox) =>
            [{ peer: node.genesis.replicas[outbox.peer]?.name ?? outbox.peer }, outbox[field]] as const
          ),
      );
    const ofPeers = (name: string, help: string, read: (outbox: OutboxStatus) => number) =>
      this.#registry.gauge(name, help, () => {
        return node.status().outboxes.map((outbox) => [{ peer: this.#nameOf(outbox.peer) }, read(outbox)] as const);
      });
    ofPeers("pbft_peer_reachable", "0 while deliveries to the peer fail.", (o) => +(o.unreachable === null));
    ofPeers("pbft_delivery_failures", "Failed deliveries since the start, by peer.", (o) => o.failures);
    ofPeers(
      "pbft_socket_open",
      "1 while a WebSocket to the peer is in use.",
      (o) => +!!o.link?.isSocketOpen,
    );
    ofPeers(
      "pbft_socket_failures",
      "WebSockets to the peer that acknowledged nothing, since the start.",
      (o) => o.link?.socketFailures ?? 0,
    );
    perPeer("pbft_outbox_frames", "Frames waiting to be sent, by peer.", "depth");
    perPeer("pbft_outbox_bytes", "Bytes waiting to be sent, by peer.", "bytes");
    perPeer(
      "pbft_outbox_dropped",
      "Frames dropped since the start (full outbox or failed delivery), by peer.",
      "dropped",
    );
  }
}
