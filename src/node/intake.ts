/**
 * The way in: what came is verified and goes to who is to have it; what doesn't pass is answered with the reason.
 * @module
 */
import type { ReplicaId } from "../core/ids.ts";
import type { Fetch, Reply } from "../core/messages.ts";
import type { Task } from "./task.ts";
import type { Gate, Passed } from "./gate.ts";
import { type Entry, Inbox } from "./inbox.ts";
import type { NodeLimits } from "./limits.ts";
import type { Observers } from "./observers.ts";
import type { Rejection } from "./ports.ts";

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
  /** A peer has sent something. */
  readonly onHeard: (peer: ReplicaId) => void;
}

/** The way in. */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #inbox: Inbox;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#inbox = new Inbox(options.limits);
  }

  /** Frames that are not answered yet. */
  get frames(): number {
    return this.#inbox.frames;
  }

  /** Takes a frame in, or answers at once why not. */
  take(entry: Entry): void {
    const rejection = this.#options.unavailable() ?? this.#inbox.add(entry);
    if (!rejection) return this.#options.wake();
    this.#tellRejected(rejection);
    entry.settle(rejection);
  }

  /** Whether there is something to {@linkcode drain}. */
  get hasMore(): boolean {
    return this.#inbox.hasMore;
  }

  /** Verifies what came, the `max` oldest frames at most; gives what the replica is to take. */
  drain(max?: number): Task[] {
    const tasks: Task[] = [];
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
    if (passed.from !== null && isFromSender) onHeard(passed.from);
    switch (passed.to) {
      case "gateway":
        onReply(passed.reply.message);
        return this.#inbox.settle(entry, null);
      case "blobs":
        onFetch(passed.fetch.message);
        return this.#inbox.settle(entry, null);
      case "queries": {
        const { query } = passed;
        return this.#step(entry, passed, { input: { kind: "query", query }, refused: entry.onAsked?.(query) }, tasks);
      }
      case "core": {
        const { input } = passed;
        const refused = input.kind === "request" ? entry.onAsked?.(input.request) : null;
        return this.#step(entry, passed, { input, refused }, tasks);
      }
    }
  }

  #step(
    entry: Entry,
    passed: Passed,
    { input, refused }: Pick<Task, "input"> & { readonly refused: Rejection | null | undefined },
    tasks: Task[],
  ): void {
    if (refused) this.#reject(entry, refused);
    else tasks.push({ input, settle: (outcome) => this.#settle(entry, passed, outcome) });
  }

  #settle(entry: Entry, { kind }: Passed, outcome: "taken" | "full" | "stopped"): void {
    switch (outcome) {
      case "taken":
        return this.#inbox.settle(entry, null);
      case "full":
        return this.#reject(entry, { reason: "overloaded", kind, detail: "too many requests wait to be ordered" });
      case "stopped": {
        const stopped: Rejection = { reason: "unavailable", kind, detail: "the replica has stopped" };
        return this.#reject(entry, this.#options.unavailable() ?? stopped);
      }
    }
  }

  #reject(entry: Entry, rejection: Rejection): void {
    this.#tellRejected(rejection);
    this.#inbox.settle(entry, rejection);
  }

  #tellRejected(rejection: Rejection): void {
    this.#options.observers.tell((o) => o.onRejected?.(rejection));
  }
}
