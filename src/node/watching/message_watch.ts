/**
 * Tells listeners what happens to a replica's messages. It exists only while somebody listens.
 * @module
 */
import type { Digest, ReplicaId } from "../../core/messages/ids.ts";
import type { GatewayOperation, Result } from "../../core/messages/messages.ts";
import { utf8 } from "../../wire/mod.ts";
import type { Rejection } from "../ports.ts";
import type { MessageListener, MessageSummary, Seen } from "./seen.ts";
import { idOf, itemOf, summaryOf } from "./summary.ts";

/** The listeners of one node. An error that one throws is ignored: it must not be able to stop the replica. */
export class MessageWatch {
  readonly #hash: (bytes: Uint8Array) => Digest;
  readonly #listeners = new Set<MessageListener>();

  constructor(hash: (bytes: Uint8Array) => Digest) {
    this.#hash = hash;
  }

  /** Number of listeners. */
  get size(): number {
    return this.#listeners.size;
  }

  /** Adds a listener. Returns a function that removes it. */
  add(listener: MessageListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** A frame leaves. */
  sent(to: ReplicaId | "all", frame: Uint8Array): void {
    this.#tell((payloads) => ({ kind: "sent", to, message: this.#summary(frame, payloads) }));
  }

  /** A frame has passed the gate. `signer`: the member that signed it; `by`: who delivered it. */
  taken(signer: ReplicaId | null, by: unknown, frame: Uint8Array, client?: string): void {
    const deliverer = typeof by === "number" ? { by: by as ReplicaId } : {};
    const from = signer ?? client ?? null;
    this.#tell((payloads) => ({ kind: "taken", from, ...deliverer, message: this.#summary(frame, payloads) }));
  }

  /** A frame was refused. */
  refused(by: unknown, frame: Uint8Array, { reason, detail }: Rejection): void {
    const from = typeof by === "number" ? by as ReplicaId : null;
    this.#tell((payloads) => ({
      kind: "refused",
      from,
      message: this.#summary(frame, payloads),
      reason,
      detail: detail.slice(0, 200),
    }));
  }

  /** A signed client or a gateway's caller was answered. */
  replied(client: string, request: string, result: Result | undefined): void {
    const outcome = { sequence: result?.sequence ?? null, status: result?.status ?? "ok" } as const;
    this.#tell(() => ({ kind: "replied", client, request: idOf(request), ...outcome }));
  }

  /** Unsigned clients ask this replica as their gateway. Returns a function to call with the answer. */
  asked(
    operations: readonly GatewayOperation[],
  ): (answer: { readonly results: readonly Result[] } | Rejection) => void {
    const ids = operations.map(({ name, timestamp }) => idOf(this.#hash(utf8(`${timestamp} ${name}`))));
    operations.forEach((operation, i) => {
      const { length } = operation.operation;
      const message = { kind: "request", operations: 1, bytes: length, id: ids[i]!, digest: ids[i]! } as const;
      this.#tell((payloads) => ({
        kind: "taken",
        from: this.#clientOf(operation.name, payloads),
        message: payloads ? { ...message, payload: [itemOf(operation)] } : message,
      }));
    });
    return (answer) =>
      operations.forEach(({ name }, i) => {
        const result = "results" in answer ? answer.results[i] : undefined;
        const outcome = {
          sequence: result?.sequence ?? null,
          status: "reason" in answer ? answer.reason : result?.status ?? "ok",
        };
        this.#tell((payloads) => ({
          kind: "replied",
          client: this.#clientOf(name, payloads),
          request: ids[i]!,
          ...outcome,
        }));
      });
  }

  /** A client's name may tell who it is. */
  #clientOf(name: string, getsPayloads: boolean): string {
    return getsPayloads ? name : `client ${idOf(this.#hash(utf8(name))).slice(0, 4)}`;
  }

  #summary(frame: Uint8Array, getsPayloads: boolean): MessageSummary {
    return summaryOf(frame, this.#hash, getsPayloads);
  }

  /** Makes each form of an event at most once. */
  #tell(make: (getsPayloads: boolean) => Seen): void {
    const made: [plain: Seen | null, full: Seen | null] = [null, null];
    for (const listener of this.#listeners) {
      try {
        listener.onSeen(made[listener.getsPayloads ? 1 : 0] ??= make(listener.getsPayloads));
      } catch {
        // See above.
      }
    }
  }
}
