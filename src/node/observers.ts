/**
 * The observers of a node.
 * @module
 */
import type { Digest } from "../core/messages/ids.ts";
import type { GatewayOperation } from "../core/messages/messages.ts";
import type { GatewayAnswer } from "./gateway/gateway_operations.ts";
import type { Observer, Rejection } from "./ports.ts";
import { MessageWatch } from "./watching/message_watch.ts";
import type { MessageListener } from "./watching/seen.ts";

/** Whether one of them follows single requests. */
export function wantRequests(observers: readonly Observer[] = []): boolean {
  return observers.some((observer) => observer.wantsRequests === true);
}

/** A set of observers. Errors that an observer throws are ignored. */
export class Observers {
  readonly #all: Set<Observer>;
  readonly #hash: (bytes: Uint8Array) => Digest;
  /** Whether one of them follows single requests. If none does, a request costs one look at this field. */
  readonly #wantsRequests: boolean;
  /** Told of each message; `null` while nobody listens, so that a message then costs one look at this field. */
  messages: MessageWatch | null = null;

  constructor(observers: readonly Observer[] = [], hash: (bytes: Uint8Array) => Digest) {
    this.#all = new Set(observers);
    this.#wantsRequests = wantRequests(observers);
    this.#hash = hash;
  }

  /** Adds a listener of messages. Returns a function that removes it. */
  watch(listener: MessageListener): () => void {
    const watch = this.messages ??= new MessageWatch(this.#hash);
    const remove = watch.add(listener);
    return () => {
      remove();
      if (watch.size === 0 && this.messages === watch) this.messages = null;
    };
  }

  /** Adds an observer. Returns a function that removes it. */
  add(observer: Observer): () => void {
    this.#all.add(observer);
    return () => void this.#all.delete(observer);
  }

  /** Tells that this replica replied to a request. */
  replied(request: Digest): void {
    if (this.#wantsRequests) this.notify((observer) => observer.wantsRequests && observer.onReplied?.(request));
  }

  /** Tells of operations that are vouched for, and how that ends. */
  async around(
    operations: readonly GatewayOperation[],
    vouch: () => Promise<GatewayAnswer | Rejection>,
  ): Promise<GatewayAnswer | Rejection> {
    const answered = this.messages?.asked(operations);
    const carried = this.#vouching(operations.length);
    let answer: GatewayAnswer | Rejection | null = null;
    try {
      answer = await vouch();
      answered?.(answer);
      return answer;
    } finally {
      carried?.(answer && "request" in answer ? answer.request : null);
    }
  }

  /** The result, if anybody wants to know, is to be called with the request that carried the operations. */
  #vouching(operations: number): ((request: Digest | null) => void) | null {
    if (!this.#wantsRequests) return null;
    const ends = new Map<Observer, (request: Digest | null) => void>();
    this.notify((observer) => {
      const end = observer.wantsRequests && observer.onVouch?.(operations);
      if (end) ends.set(observer, end);
    });
    return (request) => this.notify((observer) => ends.get(observer)?.(request));
  }

  /** Calls `what` with each observer. */
  notify(what: (observer: Observer) => void): void {
    for (const observer of this.#all) {
      try {
        what(observer);
      } catch {
        // An observer must not be able to stop the replica.
      }
    }
  }
}
