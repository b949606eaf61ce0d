/**
 * The way out: messages to the peers' outboxes, replies to those who wait for them.
 * @module
 */
import { DEFAULT_SETTINGS, type Settings } from "../../core/config.ts";
import type { ReplicaId, View } from "../../core/messages/ids.ts";
import type { MessageInput, Outgoing, OutgoingReply, Ready } from "../../core/io.ts";
import type { Message, MessageKind, Reply, Signed, Verified } from "../../core/messages/messages.ts";
import type { QueryAnswer, SignedQuery } from "../../core/messages/queries.ts";
import { encodeFrame, MAX_BODY_BYTES } from "../../wire/mod.ts";
import { sign } from "../environment.ts";
import { Outbox, type OutboxOptions } from "./outbox.ts";
import type { Observers } from "../observers.ts";
import type { Signer } from "../ports.ts";
import { Reach } from "./reach.ts";
import type { NodeStatus } from "../status.ts";
import type { Trouble } from "../trouble.ts";
import type { Waiters } from "../gateway/waiters.ts";

/** What a frame has beside the signed bytes, at most. */
const FRAME_OVERHEAD_BYTES = 128;

/** What the way out needs. */
export interface DeliveryOptions extends Omit<OutboxOptions, "peer" | "onDelivered" | "onTrouble"> {
  readonly self: ReplicaId;
  /** How many replicas there are. */
  readonly n: number;
  readonly signer: Signer;
  readonly waiters: Waiters;
  readonly queries: Waiters<Verified<SignedQuery>>;
  readonly observers: Observers;
  readonly settings?: Partial<Settings> | undefined;
  /** A reply of this replica to itself as the gateway. */
  readonly onOwnReply: (reply: Reply) => void;
}

/** The way out. */
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #outboxes = new Map<ReplicaId, Outbox>();
  readonly #reach: Reach;
  #isFlushing = false;

  constructor(options: DeliveryOptions) {
    this.#options = options;
    const { timer, settings } = options;
    this.#reach = new Reach({ timer, idleStatusMs: settings?.idleStatusMs ?? DEFAULT_SETTINGS.idleStatusMs });
    const onDelivered = this.#reach.delivered.bind(this.#reach);
    const onTrouble = (trouble: Trouble) => options.observers.tell((o) => o.onTrouble?.(trouble));
    for (let peer = 0; peer < options.n; peer++) {
      const id = peer as ReplicaId;
      if (id !== options.self) this.#outboxes.set(id, new Outbox({ ...options, peer: id, onDelivered, onTrouble }));
    }
  }

  /** What waits for each peer, and who is in reach of a replica that is in `view`. */
  status(view: View): Pick<NodeStatus, "outboxes" | "inReach"> {
    const outboxes = Array.from(this.#outboxes.values(), (outbox) => outbox.status);
    return { outboxes, inReach: this.#reach.in(view) };
  }

  /** Sends what a step wants said. */
  release({ messages, replies, answers }: Pick<Ready, "messages" | "replies" | "answers">): void {
    for (const message of messages) this.send(message);
    for (const reply of replies) this.reply(reply);
    for (const answer of answers) this.answer(answer);
  }

  /** Sends a message to one replica, or to all others. */
  send({ to, message, batch }: Pick<Outgoing, "to" | "batch"> & { readonly message: Signed<Message> }): void {
    const frame = encodeFrame(message, batch?.bytes);
    const { kind } = message.message;
    if (to === "all") { for (const outbox of this.#outboxes.values()) this.#push(outbox, kind, frame); }
    else this.#push(this.#outboxes.get(to), kind, frame);
    this.#flushSoon();
  }

  #push(outbox: Outbox | undefined, kind: MessageKind, frame: Uint8Array): void {
    outbox?.push(frame, kind);
    if (outbox) this.#told(kind, frame.length);
  }

  /** Gives an answer to whoever waits for it; nobody, perhaps. */
  reply({ to, reply }: OutgoingReply): void {
    const { self, waiters, onOwnReply } = this.#options;
    if ("gateway" in to) {
      if (to.gateway === self) return onOwnReply(reply);
      const message = this.#signReply(reply);
      if (message) this.send({ to: to.gateway, message });
      return;
    }
    if (!waiters.has(reply.request)) return;
    const message = this.#signReply(reply);
    if (!message) {
      const detail = "the results are too large to be sent";
      return waiters.resolve(reply.request, { reason: "too-large", kind: "request", detail });
    }
    const frame = encodeFrame(message);
    this.#told("reply", frame.length);
    waiters.resolve(reply.request, frame);
  }

  /** Gives what became of a query to whoever waits for it. */
  answer({ query, outcome }: QueryAnswer): void {
    const { queries, signer } = this.#options;
    if (!queries.has(query)) return;
    if (typeof outcome === "string") {
      const reason = outcome === "overloaded" ? "overloaded" : "unavailable";
      return queries.resolve(query, { reason, kind: "query", detail: `the replica can't answer now: ${outcome}` });
    }
    const frame = encodeFrame(sign(signer, outcome));
    this.#told("query-reply", frame.length);
    queries.resolve(query, frame);
  }

  /** A peer is there, and has sent this. */
  heard(peer: ReplicaId, input: MessageInput | null): void {
    this.#reach.heard(peer, input);
    this.#outboxes.get(peer)?.heard();
  }

  /** Resolves once all that could be sent has been. */
  async settled(): Promise<void> {
    // What was let out just now is flushed in a microtask that was queued before this one.
    await Promise.resolve();
    await Promise.all(Array.from(this.#outboxes.values(), (outbox) => outbox.settled()));
  }

  /** Drops what waits and breaks off what is under way. */
  close(): void {
    for (const outbox of this.#outboxes.values()) outbox.close();
  }

  /** Null: it is larger than a frame may be, so that nobody would take it. */
  #signReply(reply: Reply): Signed<Reply> | null {
    const signed = sign(this.#options.signer, reply);
    return signed.bytes.length + FRAME_OVERHEAD_BYTES > MAX_BODY_BYTES ? null : signed;
  }

  /** In a microtask: when all that is let out now is in the outboxes. */
  #flushSoon(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    queueMicrotask(() => {
      this.#isFlushing = false;
      for (const outbox of this.#outboxes.values()) outbox.flush();
    });
  }

  #told(kind: MessageKind, bytes: number): void {
    this.#options.observers.tell((o) => o.onMessage?.("out", kind, bytes));
  }
}
