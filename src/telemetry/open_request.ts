/**
 * One request on its way through one replica, as spans.
 * @module
 */
import { type Attributes, type Context, type Span, SpanKind, trace, type Tracer } from "@opentelemetry/api";
import type { Digest } from "../core/messages/ids.ts";
import { contextOf, requestSpanContext } from "./request_context.ts";

/** The stages of a request, each the time until it is reached (PBFT §4.2). */
export type Stage = "pre-prepare" | "prepare" | "commit" | "execute";

/** The stage after each; none after the last. */
const NEXT: Readonly<Record<Stage, Stage | null>> = {
  "pre-prepare": "prepare",
  prepare: "commit",
  commit: "execute",
  execute: null,
};

/** A request that is followed. Its span begins when it is made. */
export class OpenRequest {
  readonly #tracer: Tracer;
  readonly #span: Span;
  readonly #context: Context;
  /** What the request waits for. `view-change`: for the next view to start. */
  #waits: { readonly for: Stage | "view-change"; readonly span: Span } | null = null;
  #batch: unknown = null;

  constructor(digest: Digest, { name, tracer }: { readonly name: string; readonly tracer: Tracer }) {
    this.#tracer = tracer;
    const attributes = { "pbft.replica": name, "pbft.request": digest };
    const parent = contextOf(digest);
    this.#span = tracer.startSpan("pbft.order", { kind: SpanKind.SERVER, attributes }, parent);
    this.#context = trace.setSpan(parent, this.#span);
    this.#wait("pre-prepare");
  }

  /** It has reached a stage, in the batch that the attributes name. */
  reach(stage: Stage, attributes: Attributes & { readonly "pbft.batch": string }): void {
    // Some stages are skipped by a replica that is told of the decision; after a view change they begin anew.
    if (this.#waits?.for !== stage) this.#interrupt();
    if (this.#waits === null) this.#wait(stage);
    this.#waits?.span.setAttributes(attributes).end();
    this.#waits = null;
    this.#span.setAttributes(attributes);
    if (this.#batch !== attributes["pbft.batch"]) {
      this.#batch = attributes["pbft.batch"];
      this.#span.addLink({ context: requestSpanContext(attributes["pbft.batch"]) });
    }
    const next = NEXT[stage];
    if (next) this.#wait(next);
  }

  /** This replica has sent its reply. */
  reply(): void {
    this.#tracer.startSpan("pbft.reply", {}, this.#context).end();
  }

  /** The replica has left its view: nothing goes on until the next one starts. */
  leaveView(attributes: Attributes): void {
    if (this.#waits?.for !== "view-change") {
      this.#interrupt();
      this.#wait("view-change");
    }
    this.#waits?.span.setAttributes(attributes);
  }

  /** The next view has started. */
  enterView(attributes: Attributes): void {
    if (this.#waits?.for !== "view-change") return;
    this.#waits.span.setAttributes(attributes).end();
    this.#waits = null;
    this.#wait("pre-prepare");
  }

  /** `outcome`: why nothing more is known of it, if it was not executed here. */
  end(outcome?: string): void {
    this.#interrupt();
    if (outcome !== undefined) this.#span.setAttribute("pbft.outcome", outcome);
    this.#span.end();
  }

  #wait(what: Stage | "view-change"): void {
    this.#waits = { for: what, span: this.#tracer.startSpan(`pbft.${what}`, {}, this.#context) };
  }

  #interrupt(): void {
    this.#waits?.span.setAttribute("pbft.outcome", "interrupted").end();
    this.#waits = null;
  }
}
