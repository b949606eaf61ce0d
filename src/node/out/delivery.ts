/**
 * The delivery: puts messages into the peers' outboxes, and gives replies to the callers that wait for them.
 * @module
 */
import { DEFAULT_SETTINGS, type Settings } from "../../core/config.ts";
import type { ClientId, Digest, ReplicaId, View } from "../../core/messages/ids.ts";
import type { MessageInput, Outgoing, OutgoingReply, Ready } from "../../core/io.ts";
import type { Message, MessageKind, Reply, Signed, Verified } from "../../core/messages/messages.ts";
import type { QueryAnswer, SignedQuery } from "../../core/messages/queries.ts";
import { encodeFrame, MAX_BODY_BYTES } from "../../wire/mod.ts";
import { sign } from "../environment.ts";
import { Outbox, type OutboxOptions } from "./outbox.ts";
import { signAlone, signTogether } from "./replies.ts";
import type { Observers } from "../observers.ts";
import type { Signer } from "../ports.ts";
import { PeerActivity } from "./peer_activity.ts";
import type { NodeStatus } from "../status.ts";
import type { HostEvent } from "../host_event.ts";
import type { Waiters } from "../gateway/waiters.ts";

/** Options of {@linkcode Delivery}. */
export interface DeliveryOptions extends Omit<OutboxOptions, "peer" | "onDelivered" | "onHostEvent"> {
  readonly self: ReplicaId;
  /** Number of replicas. */
  readonly n: number;
  readonly signer: Signer;
  readonly hash: (bytes: Uint8Array) => Digest;
  readonly waiters: Waiters;
  readonly queries: Waiters<Verified<SignedQuery>>;
  readonly observers: Observers;
  readonly settings?: Partial<Settings> | undefined;
  /** Called with a reply of this replica to itself as the gateway. */
  readonly onOwnReply: (reply: Reply) => void;
}

interface ClientReply {
  readonly client: ClientId;
  readonly reply: Reply;
}

/** The delivery of one node. */
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #outboxes = new Map<ReplicaId, Outbox>();
  readonly #activity: PeerActivity;
  #isFlushing = false;
  /** Replies to callers that take replies signed together. They are signed when everything released now is here. */
  #unsigned: ClientReply[] = [];

  constructor(options: DeliveryOptions) {
    this.#options = options;
    const { timer, settings } = options;
    this.#activity = new PeerActivity({ timer, idleStatusMs: settings?.idleStatusMs ?? DEFAULT_SETTINGS.idleStatusMs });
    const onDelivered = this.#activity.delivered.bind(this.#activity);
    const onHostEvent = (event: HostEvent) => options.observers.notify((o) => o.onHostEvent?.(event));
    for (let peer = 0; peer < options.n; peer++) {
      const id = peer as ReplicaId;
      if (id !== options.self) this.#outboxes.set(id, new Outbox({ ...options, peer: id, onDelivered, onHostEvent }));
    }
  }

  /** The status of the outboxes, and the members in reach of a replica in `view`. */
  status(view: View): Pick<NodeStatus, "outboxes" | "inReach"> {
    const outboxes = Array.from(this.#outboxes.values(), (outbox) => outbox.status);
    return { outboxes, inReach: this.#activity.inView(view) };
  }

  /** Sends the messages and replies of a step. */
  release({ messages, replies, answers }: Pick<Ready, "messages" | "replies" | "answers">): void {
    for (const message of messages) this.send(message);
    for (const reply of replies) this.reply(reply);
    for (const answer of answers) this.answer(answer);
  }

  /** Sends a message to one replica, or to all others. */
  send({ to, message, batch }: Pick<Outgoing, "to" | "batch"> & { readonly message: Signed<Message> }): void {
    const frame = encodeFrame(message, batch?.bytes);
    const { kind } = message.message;
    this.#options.observers.messages?.sent(to, frame);
    if (to === "all") { for (const outbox of this.#outboxes.values()) this.#push(outbox, kind, frame); }
    else this.#push(this.#outboxes.get(to), kind, frame);
    this.#flushSoon();
  }

  #push(outbox: Outbox | undefined, kind: MessageKind, frame: Uint8Array): void {
    outbox?.push(frame, kind);
    if (outbox) this.#observe(kind, frame.length);
  }

  /** Gives a reply to the callers that wait for it, if any. */
  reply({ to, reply }: OutgoingReply): void {
    const { self, signer, waiters, onOwnReply } = this.#options;
    if ("gateway" in to) {
      this.#options.observers.replied(reply.request);
      if (to.gateway === self) return onOwnReply(reply);
      const message = signAlone(reply, signer);
      if (message) this.send({ to: to.gateway, message });
      return;
    }
    if (!waiters.has(reply.request)) return;
    const one: ClientReply = { client: to.client, reply };
    if (waiters.acceptPaths(reply.request)) {
      if (this.#unsigned.push(one) === 1) queueMicrotask(() => this.#signTogether());
      return;
    }
    const message = signAlone(reply, signer);
    this.#resolve(one, message && encodeFrame(message));
  }

  #signTogether(): void {
    const waited = this.#unsigned.filter(({ reply }) => this.#options.waiters.has(reply.request));
    this.#unsigned = [];
    const frames = signTogether(waited.map(({ reply }) => reply), this.#options);
    waited.forEach((one, i) => this.#resolve(one, frames[i]!));
  }

  /** Gives a signed reply to the callers that wait for it. `frame`: null if the reply is too long. */
  #resolve({ client, reply: { request, results } }: ClientReply, frame: Uint8Array | null): void {
    const { waiters, observers } = this.#options;
    if (frame === null) {
      const detail =
        `results: expected a reply of at most ${MAX_BODY_BYTES} bytes; it was executed, but the reply can't be sent`;
      return waiters.resolve(request, { reason: "too-large", kind: "request", detail });
    }
    this.#observe("reply", frame.length);
    observers.messages?.replied(client, request, results[0]);
    observers.replied(request);
    waiters.resolve(request, frame);
  }

  /** Gives the outcome of a query to the callers that wait for it. */
  answer({ query, outcome }: QueryAnswer): void {
    const { queries, signer } = this.#options;
    if (!queries.has(query)) return;
    if (typeof outcome === "string") {
      const reason = outcome === "overloaded" ? "overloaded" : "unavailable";
      return queries.resolve(query, { reason, kind: "query", detail: `the replica can't answer now: ${outcome}` });
    }
    const frame = encodeFrame(sign(signer, outcome));
    this.#observe("query-reply", frame.length);
    queries.resolve(query, frame);
  }

  /** Records that a verified message of a peer arrived. */
  heard(peer: ReplicaId, input: MessageInput | null): void {
    this.#activity.heard(peer, input);
    this.#outboxes.get(peer)?.heard();
  }

  /** Resolves once everything that could be sent has been sent. */
  async flushed(): Promise<void> {
    // Messages released just now are flushed in a microtask that was queued before this one.
    await Promise.resolve();
    await Promise.all(Array.from(this.#outboxes.values(), (outbox) => outbox.flushed()));
  }

  /** Drops queued frames and aborts running deliveries. */
  close(): void {
    for (const outbox of this.#outboxes.values()) outbox.close();
  }

  /** In a microtask, so that everything released now is in the outboxes first. */
  #flushSoon(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    queueMicrotask(() => {
      this.#isFlushing = false;
      for (const outbox of this.#outboxes.values()) outbox.flush();
    });
  }

  #observe(kind: MessageKind, bytes: number): void {
    this.#options.observers.notify((o) => o.onMessage?.("out", kind, bytes));
  }
}
