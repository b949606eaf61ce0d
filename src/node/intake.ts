/**
 * The way in: what came is verified and goes to who is to have it; what doesn't pass is answered with the reason.
 * @module
 */
import type { ReplicaId } from "../core/ids.ts";
import type { MessageInput } from "../core/io.ts";
import type { Fetch, Query, Reply } from "../core/messages.ts";
import type { Task } from "./task.ts";
import type { Gate, Passed } from "./gate.ts";
import { type Entry, Inbox } from "./inbox.ts";
import type { NodeLimits } from "./limits.ts";
import type { Observers } from "./observers.ts";
import type { Rejection } from "./ports.ts";
import type { Asked } from "./waiters.ts";

/** What the way in needs. */
export interface IntakeOptions {
  readonly gate: Gate;
  readonly observers: Observers;
  readonly limits: Pick<NodeLimits, "maxInboxFrames" | "maxInboxBytes">;
  /** Why nothing is taken, if so. */
  readonly unavailable: () => Rejection | null;
  /** There is something to {@linkcode Intake.drain}. */
  readonly wake: () => void;
  readonly onReply: (reply: Reply) => void;
  readonly onFetch: (fetch: Fetch) => void;
  /** A peer has sent something; `null`: nothing for the core. */
  readonly onHeard: (peer: ReplicaId, input: MessageInput | null) => void;
}

/** What a client asks, and who hears why it is not taken: nobody if it is. Whoever brings it bounds how many wait. */
interface Verified {
  readonly asked: Asked;
  readonly refuse: (rejection: Rejection) => void;
}

/** The way in. */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #inbox: Inbox;
  #verified: Verified[] = [];

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#inbox = new Inbox(options.limits);
  }

  /** Frames that are not answered yet. */
  get frames(): number {
    return this.#inbox.frames;
  }

  /** Their bytes. */
  get bytes(): number {
    return this.#inbox.bytes;
  }

  /** Takes a frame in, or answers at once why not. */
  take(entry: Entry): void {
    const rejection = this.#options.unavailable() ?? this.#inbox.add(entry);
    if (!rejection) return this.#options.wake();
    this.#tellRejected(rejection);
    entry.settle(rejection);
  }

  /** Takes in what came before as a frame, and was verified. */
  enter(asked: Asked, refuse: Verified["refuse"]): void {
    this.#verified.push({ asked, refuse });
    this.#options.wake();
  }

  /** Whether there is something to {@linkcode drain}. */
  get hasMore(): boolean {
    return this.#inbox.hasMore || this.#verified.length > 0;
  }

  /** Gives what the replica is to take: what was verified, and what came, once it is; of each the `max` oldest at most. */
  drain(max = Infinity): Task[] {
    const tasks = this.#verified.splice(0, max).map((verified) => this.#taskOf(verified));
    for (const entry of this.#inbox.take(max)) {
      const passed = this.#options.unavailable() ?? this.#options.gate.check(entry.frame, entry.accept);
      if ("reason" in passed) this.#reject(entry, passed);
      else this.#pass(entry, passed, tasks);
    }
    return tasks;
  }

  #pass(entry: Entry, passed: Passed, tasks: Task[]): void {
    const { observers, onReply, onFetch, onHeard } = this.#options;
    observers.tell((o) => o.onMessage?.("in", passed.kind, entry.frame.length));
    // A pre-prepare or a request may be passed on by somebody else.
    const isFromSender = passed.kind !== "pre-prepare" && passed.kind !== "vouched-request";
    if (passed.from !== null && isFromSender) onHeard(passed.from, passed.to === "core" ? passed.input : null);
    switch (passed.to) {
      case "gateway":
        onReply(passed.reply.message);
        return this.#inbox.settle(entry, null);
      case "blobs":
        onFetch(passed.fetch.message);
        return this.#inbox.settle(entry, null);
      case "queries":
        // The gate lets a query pass only where somebody waits for it.
        entry.onVerified?.(passed.query);
        return this.#inbox.settle(entry, null);
      case "core": {
        const { input } = passed;
        if (entry.onVerified && input.kind === "request") {
          entry.onVerified(input.request);
          return this.#inbox.settle(entry, null);
        }
        tasks.push({ input, settle: (outcome) => this.#settle(entry, this.#refusal(passed.kind, outcome)) });
      }
    }
  }

  #taskOf({ asked, refuse }: Verified): Task {
    return {
      input: isQuery(asked) ? { kind: "query", query: asked } : { kind: "request", request: asked },
      settle: (outcome) => {
        const rejection = this.#refusal(asked.message.kind, outcome);
        if (!rejection) return;
        this.#tellRejected(rejection);
        refuse(rejection);
      },
    };
  }

  #refusal(kind: Rejection["kind"], outcome: "taken" | "full" | "stopped"): Rejection | null {
    switch (outcome) {
      case "taken":
        return null;
      case "full":
        return { reason: "overloaded", kind, detail: "too many requests wait to be ordered" };
      case "stopped":
        return this.#options.unavailable() ?? { reason: "unavailable", kind, detail: "the replica has stopped" };
    }
  }

  #settle(entry: Entry, rejection: Rejection | null): void {
    if (rejection) this.#reject(entry, rejection);
    else this.#inbox.settle(entry, null);
  }

  #reject(entry: Entry, rejection: Rejection): void {
    this.#tellRejected(rejection);
    this.#inbox.settle(entry, rejection);
  }

  #tellRejected(rejection: Rejection): void {
    this.#options.observers.tell((o) => o.onRejected?.(rejection));
  }
}

function isQuery(asked: Asked): asked is Extract<Asked, { readonly message: Query }> {
  return asked.message.kind === "query";
}
