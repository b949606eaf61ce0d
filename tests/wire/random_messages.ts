/**
 * Random but reproducible messages: the same seed gives the same ones.
 * @module
 */
import type { ClientId, Digest, Millis, ReplicaId, SequenceNumber, View } from "../../src/core/messages/ids.ts";
import type { Plain } from "../../src/core/io.ts";
import type { AnyRequest, Message, MessageKind, Signed, Stage } from "../../src/core/messages/messages.ts";
import { encodeMessage, toHex } from "../../src/wire/mod.ts";

/** All kinds of messages; the type makes sure that none is forgotten. */
export const ALL_KINDS: readonly MessageKind[] = Object.keys(
  {
    "request": 0,
    "gateway-request": 0,
    "pre-prepare": 0,
    "prepare": 0,
    "commit": 0,
    "reply": 0,
    "checkpoint": 0,
    "decision": 0,
    "stable-checkpoint": 0,
    "suspicion": 0,
    "view-change": 0,
    "new-view": 0,
    "status": 0,
    "fetch": 0,
    "blobs": 0,
    "query": 0,
    "query-reply": 0,
  } satisfies Record<MessageKind, 0>,
) as MessageKind[];

const STAGES: readonly Stage[] = ["idle", "pre-prepared", "prepared", "committed"];
const TEXTS = ["ada", "Ada Lovelace", "ü", "日本語", "𝔘𝔫𝔦", "a".repeat(128), "\u0000", "__proto__"];
/** Where CBOR's forms change, and the ends. */
const EDGES = [0, 1, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER];

/** Draws everything from one seed. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** From 0 to `below` - 1 (mulberry32). */
  int(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  }

  of<T>(values: readonly T[]): T {
    return values[this.int(values.length)]!;
  }

  natural(): number {
    const kind = this.int(3);
    return kind === 0 ? this.int(30) : kind === 1 ? this.of(EDGES) : this.int(2 ** 32) * this.of([1, 2 ** 10, 2 ** 20]);
  }

  bytes(length: number = this.of([0, 1, 5, 23, 24, 100, 255, 256, 300])): Uint8Array {
    return Uint8Array.from({ length }, () => this.int(256));
  }

  text(): string {
    return this.of(TEXTS);
  }

  hex32(): string {
    return toHex(this.bytes(32));
  }

  list<T>(item: () => T, least = 0): T[] {
    return Array.from({ length: least + this.int(this.of([1, 3, 6, 30])) }, item);
  }

  few<T>(item: () => T): T[] {
    return Array.from({ length: this.int(4) }, item);
  }

  plain(depth = 4): Plain {
    switch (this.int(depth > 0 ? 5 : 3)) {
      case 0:
        return this.natural();
      case 1:
        return this.text();
      case 2:
        return this.bytes();
      default:
        return this.list(() => this.plain(depth - 1));
    }
  }

  message<K extends MessageKind>(kind: K): Extract<Message, { readonly kind: K }> {
    return this.#message(kind) as Extract<Message, { readonly kind: K }>;
  }

  #message(kind: MessageKind): Message {
    const replica = this.natural() as ReplicaId;
    const view = this.natural() as View;
    const sequence = this.natural() as SequenceNumber;
    const digest = this.hex32() as Digest;
    switch (kind) {
      case "request": {
        const session = this.natural();
        const operations = session === 0 ? [] : this.list(() => this.bytes(), 1);
        const client = this.hex32() as ClientId;
        return { kind, client, session, timestamp: this.natural(), lowestUnanswered: this.natural(), operations };
      }
      case "gateway-request":
        return {
          kind,
          gateway: replica,
          notAfter: this.natural() as Millis,
          operations: this.list(
            () => ({ name: this.text(), timestamp: this.natural(), operation: this.bytes() }),
            1,
          ),
        };
      case "pre-prepare":
      case "prepare":
      case "commit":
        return { kind, replica, view, sequence, digest };
      case "reply":
        return {
          kind,
          replica,
          view,
          request: digest,
          results: this.list(() => ({
            sequence: this.natural() as SequenceNumber,
            status: this.of(["ok", "rejected", "refused"] as const),
            value: this.bytes(),
          }), 1),
        };
      case "checkpoint":
        return { kind, replica, sequence, digest };
      case "stable-checkpoint":
        return { kind, replica, checkpoints: this.few(() => this.signed("checkpoint")) };
      case "decision":
        return { kind, replica, commits: this.few(() => this.signed("commit")) };
      case "suspicion":
        return {
          kind,
          replica,
          view,
          executed: sequence,
          number: this.natural(),
          standing: this.of(["withdrawn", "agrees", "suspects"] as const),
        };
      case "view-change":
        return {
          kind,
          replica,
          view,
          stable: this.few(() => this.signed("checkpoint")),
          prepared: this.few(() => ({
            prePrepare: this.signed("pre-prepare"),
            prepares: this.few(() => this.signed("prepare")),
          })),
          suspicions: this.few(() => this.signed("suspicion")),
        };
      case "new-view":
        return {
          kind,
          replica,
          view,
          viewChanges: this.few(() => this.signed("view-change")),
          prePrepares: this.few(() => this.signed("pre-prepare")),
        };
      case "status":
        return {
          kind,
          replica,
          number: this.natural(),
          view,
          phase: this.of(["active", "leaving"] as const),
          stable: sequence,
          executed: this.natural() as SequenceNumber,
          votesAbove: this.natural() as SequenceNumber,
          challenge: this.natural() as Millis,
          echo: this.natural() as Millis,
          seen: this.natural(),
          stages: this.list(() => this.of(STAGES)),
        };
      case "query":
        return {
          kind,
          client: this.hex32() as ClientId,
          nonce: this.natural(),
          operations: this.list(() => this.bytes(), 1),
        };
      case "query-reply":
        return {
          kind,
          replica,
          view,
          query: digest,
          results: this.list(() => ({
            sequence,
            status: this.of(["ok", "rejected", "refused"] as const),
            value: this.bytes(),
          }), 1),
        };
      case "fetch":
        return { kind, replica, number: this.natural(), digests: this.list(() => this.hex32() as Digest) };
      case "blobs":
        return { kind, replica, blobs: this.list(() => this.bytes()) };
    }
  }

  /** A message with a signature that nobody made. */
  signed<K extends MessageKind>(kind: K): Signed<Extract<Message, { readonly kind: K }>> {
    const message = this.message(kind);
    return { message, bytes: encodeMessage(message), signature: this.bytes(64) };
  }

  request(): Signed<AnyRequest> {
    return this.signed(this.of(["request", "gateway-request"] as const));
  }
}
