/**
 * The spans of a replica. In the trace of each request that is sampled:
 *
 *     pbft.order           from the request's arrival to the reply, or to its execution
 *       pbft.pre-prepare   until it has a sequence number here
 *       pbft.prepare       until it is prepared
 *       pbft.commit        until it is committed
 *       pbft.execute       until it is executed
 *       pbft.reply         this replica replies
 *       pbft.view-change   from leaving a view until the next one starts; then the stages begin anew
 *
 * A batch with such a request has a span `pbft.batch` in a trace of its own, in which all replicas are; they are linked.
 * @module
 */
import { context, type Span, SpanKind, type Tracer } from "@opentelemetry/api";
import type { ReplicaEvent } from "../core/events.ts";
import type { Digest, SequenceNumber } from "../core/messages/ids.ts";
import { contextOf, isSampled, requestSpanContext } from "./request_context.ts";
import { OpenRequest, type Stage } from "./open_request.ts";

type EventOf<K extends ReplicaEvent["kind"]> = Extract<ReplicaEvent, { readonly kind: K }>;

/** Options of {@linkcode ReplicaTraces}. */
export interface ReplicaTracesOptions {
  readonly name: string;
  readonly tracer: Tracer;
  readonly ratio: number;
  /** The most requests, and the most batches, that are followed at once. */
  readonly maxOpen: number;
}

interface OpenBatch {
  readonly digest: Digest;
  readonly span: Span;
  readonly requests: readonly Digest[];
}

/** Links of one batch to requests: SDKs keep no more. */
const MAX_LINKS = 128;

/** The stage that ends with an event. */
const STAGE_OF: Readonly<Record<EventOf<"stage">["stage"], Stage>> = {
  "pre-prepared": "pre-prepare",
  prepared: "prepare",
  committed: "commit",
  executed: "execute",
};

/** The traces of one replica. */
export class ReplicaTraces {
  readonly #options: ReplicaTracesOptions;
  /** By digest, oldest first. */
  readonly #requests = new Map<Digest, OpenRequest>();
  /** By sequence number. */
  readonly #batches = new Map<number, OpenBatch>();
  /** The highest number that was executed here. In a new view, numbers up to it pass through the stages again, for the sake of others. */
  #executed = 0;

  constructor(options: ReplicaTracesOptions) {
    this.#options = options;
  }

  /** Requests and batches that are followed now, for tests. */
  get size(): number {
    return this.#requests.size + this.#batches.size;
  }

  onReceived(digest: Digest): void {
    if (isSampled(digest, this.#options.ratio)) this.#follow(digest);
  }

  onStage({ stage, view, sequence, operations, batch }: EventOf<"stage">): void {
    const sampled = batch?.requests.filter((digest) => isSampled(digest, this.#options.ratio)) ?? [];
    if (!batch || sampled.length === 0 || sequence <= this.#executed) return;
    const place = { "pbft.view": view, "pbft.sequence": sequence };
    const attributes = { ...place, "pbft.batch": batch.digest, "pbft.batch.operations": operations };
    const open = this.#batchAt(sequence, batch.digest, sampled);
    open.span.setAttributes({ ...place, "pbft.operations": operations });
    open.span.addEvent(stage);
    for (const digest of sampled.slice(0, this.#options.maxOpen)) {
      this.#follow(digest).reach(STAGE_OF[stage], attributes);
    }
    if (stage !== "executed") return;
    this.#executed = sequence;
    this.#batches.delete(sequence);
    open.span.end();
    // The replies of this step are released right after its events, signed in a microtask.
    queueMicrotask(() => queueMicrotask(() => sampled.forEach((digest) => this.#end(digest))));
  }

  onReplied(digest: Digest): void {
    this.#requests.get(digest)?.reply();
  }

  onViewChange({ view, why }: EventOf<"view-change">): void {
    for (const request of this.#requests.values()) request.leaveView({ "pbft.view": view, "pbft.reason": why });
  }

  onNewView({ view, primary }: EventOf<"new-view">): void {
    for (const request of this.#requests.values()) request.enterView({ "pbft.view": view, "pbft.primary": primary });
  }

  /** A state transfer has skipped the numbers up to this one. */
  onSkipped(upTo: SequenceNumber): void {
    this.#executed = Math.max(this.#executed, upTo);
    for (const [sequence, { span, requests }] of this.#batches) {
      if (sequence > upTo) continue;
      this.#batches.delete(sequence);
      span.setAttribute("pbft.outcome", "skipped").end();
      for (const digest of requests) this.#end(digest, "skipped");
    }
  }

  /** Operations of unsigned clients: a span in the trace of the caller, such as that of an HTTP server. */
  onVouch(operations: number): (request: Digest | null) => void {
    const { tracer, name, ratio } = this.#options;
    const attributes = { "pbft.replica": name, "pbft.operations": operations };
    const span = tracer.startSpan("pbft.vouch", { kind: SpanKind.INTERNAL, attributes }, context.active());
    return (request) => {
      if (request === null) span.setAttribute("pbft.outcome", "rejected");
      else if (isSampled(request, ratio)) span.addLink({ context: requestSpanContext(request) });
      span.end();
    };
  }

  close(): void {
    for (const { span } of this.#batches.values()) span.setAttribute("pbft.outcome", "closed").end();
    this.#batches.clear();
    for (const digest of [...this.#requests.keys()]) this.#end(digest, "closed");
  }

  #follow(digest: Digest): OpenRequest {
    const known = this.#requests.get(digest);
    if (known) return known;
    for (const oldest of this.#requests.keys()) {
      if (this.#requests.size < this.#options.maxOpen) break;
      this.#end(oldest, "given up");
    }
    const request = new OpenRequest(digest, this.#options);
    this.#requests.set(digest, request);
    return request;
  }

  /** The batch at a number. After a view change it may be another one. */
  #batchAt(sequence: SequenceNumber, digest: Digest, sampled: readonly Digest[]): OpenBatch {
    const known = this.#batches.get(sequence);
    if (known?.digest === digest) return known;
    known?.span.setAttribute("pbft.outcome", "replaced").end();
    for (const [oldest, { span }] of this.#batches) {
      if (this.#batches.size < this.#options.maxOpen) break;
      this.#batches.delete(oldest);
      span.setAttribute("pbft.outcome", "given up").end();
    }
    const { tracer, name } = this.#options;
    const links = sampled.slice(0, MAX_LINKS).map((request) => ({ context: requestSpanContext(request) }));
    const attributes = { "pbft.replica": name, "pbft.batch": digest };
    const span = tracer.startSpan("pbft.batch", { kind: SpanKind.INTERNAL, attributes, links }, contextOf(digest));
    const open = { digest, span, requests: sampled };
    this.#batches.set(sequence, open);
    return open;
  }

  #end(digest: Digest, outcome?: string): void {
    const request = this.#requests.get(digest);
    if (!request) return;
    this.#requests.delete(digest);
    request.end(outcome);
  }
}
