/**
 * What a replica says of itself: one line an event, with time, level, replica and fields; for people, or as JSON for machines.
 * @module
 */
import type { Event, LeaveReason, SuspicionReason } from "../../core/events.ts";
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { InputFault, Observer, Rejection, Timer } from "../../node/ports.ts";
import type { HostEvent } from "../../node/host_event.ts";
import { type Fields, formatLine, type Level, type LogFormat } from "./format.ts";
import { LineLimit } from "./limit.ts";
import { troubleEntry } from "./trouble.ts";

export type { Fields, Level, LogFormat };

/** One event for the log. */
export interface LogEntry {
  /** `error`: somebody has to act; `warn`: something is wrong, and the cluster copes; `info`: worth knowing. `info` if left out. */
  readonly level?: Level;
  /** What happened, for machines: `new-view`. */
  readonly event: string;
  /** What happened, for people, in a few plain words without the fields' values. */
  readonly message: string;
  /** The particulars. */
  readonly fields?: Fields;
}

/** What a log is made of. */
export interface LogOptions {
  /** The replica's name. */
  readonly name: string;
  /** Members' names by replica id; without them their numbers are printed. */
  readonly members?: readonly string[];
  /** `text` if left out. */
  readonly format?: LogFormat;
  /** Texts that no line may have in it, whatever an error says: the private key. */
  readonly secrets?: readonly string[];
  /** The clocks: for the time on each line, and for the limits. */
  readonly timer: Pick<Timer, "now" | "monotonic">;
  /** Takes a line without its end. `console.log` if left out. */
  readonly print?: (line: string) => void;
}

/** What a replica says of its primary before it leaves a view, for people. */
const SUSPICIONS: Readonly<Record<SuspicionReason | "hand-over" | "withdrawn", string>> = {
  "no-progress": "suspects the primary: requests wait, and nothing was executed in time",
  "overtaken": "suspects the primary: a request waits while later ones of others were executed",
  "slow-time": "suspects the primary: it freezes the agreed time, or lets it lag",
  "slow-primary": "suspects the primary: a request waits although the primary has room for it",
  "no-new-view": "suspects the next primary: it did not start its view in time",
  "hand-over": "agrees to a hand-over to another view",
  "withdrawn": "no longer suspects the primary: requests are executed again",
};

/** Why a replica leaves a view, for people. */
const REASONS: Readonly<Record<LeaveReason, string>> = {
  "suspected": "f + 1 replicas suspect its primary",
  "handed-over": "a quorum has agreed to a hand-over",
  "others-left": "others have left it, and have shown why",
};

/** Longer texts in fields are cut, characters. */
const MAX_STACK_LENGTH = 4_000;

/**
 * Prints what matters to whoever runs a replica. The same kind of event is printed once in ten seconds, with the number of those that
 * were not, and no more than some ten lines a second in all, whatever members or strangers send.
 *
 * @example
 * ```ts
 * const lines: string[] = [];
 * const timer = { now: () => 0 as never, monotonic: () => 0 };
 * const log = new Log({ name: "Apple", timer, print: (line) => lines.push(line) });
 * log.write({ event: "stopped", message: "stopped", fields: { executed: 7 } });
 * // 1970-01-01T00:00:00.000Z INFO  Apple  stopped  executed=7
 * ```
 */
export class Log implements Observer {
  readonly #options: LogOptions;
  readonly #limit: LineLimit;
  readonly #print: (line: string) => void;

  /** Prints nothing yet. */
  constructor(options: LogOptions) {
    this.#options = options;
    this.#limit = new LineLimit(options.timer);
    this.#print = options.print ?? console.log;
  }

  /** Prints one line, unless one of the same event and fields `key` was printed just now. */
  write({ level = "info", event, message, fields = {} }: LogEntry, key: readonly (keyof Fields)[] = []): void {
    const admitted = this.#limit.admit([event, ...key.map((name) => fields[name])].join(" "));
    if (!admitted) return;
    const { repeated, dropped } = admitted;
    const { name, format = "text", secrets = [], timer } = this.#options;
    const line = { time: timer.now(), level, replica: name, event, message };
    const counts = { ...(repeated > 0 && { repeated }), ...(dropped > 0 && { linesLeftOut: dropped }) };
    this.#print(formatLine(line, { ...fields, ...counts }, { format, secrets }));
  }

  /** As {@linkcode Log.write}, at level `warn`. */
  warn(entry: Omit<LogEntry, "level">, key?: readonly (keyof Fields)[]): void {
    this.write({ ...entry, level: "warn" }, key);
  }

  /** As {@linkcode Log.write}, at level `error`. */
  error(entry: Omit<LogEntry, "level">, key?: readonly (keyof Fields)[]): void {
    this.write({ ...entry, level: "error" }, key);
  }

  /** A defect of the program: with the stack, for whoever mends it. */
  defect(message: string, error: unknown): void {
    const text = error instanceof Error ? error.stack ?? String(error) : String(error);
    this.error({ event: "defect", message, fields: { error: text.slice(0, MAX_STACK_LENGTH) } }, ["error"]);
  }

  /** @ignore */
  onEvent(event: Event): void {
    switch (event.kind) {
      case "suspicion": {
        const fields = { view: event.view, reason: event.why };
        return this.warn({ event: "suspicion", message: SUSPICIONS[event.why], fields }, ["view", "reason"]);
      }
      case "view-change": {
        const fields = { view: event.view, reason: event.why };
        return this.warn({ event: "view-change", message: `leaves the view: ${REASONS[event.why]}`, fields }, ["view"]);
      }
      case "new-view": {
        const fields = { view: event.view, primary: this.#name(event.primary), carriedOver: event.prepared };
        return this.write({ event: "new-view", message: "a view has started", fields }, ["view"]);
      }
      case "state-transfer": {
        const message = event.phase === "started"
          ? "this replica is behind: it fetches the state of a checkpoint from the others"
          : "the state of a checkpoint has come";
        const fields = { phase: event.phase, checkpoint: event.sequence };
        return this.write({ event: "state-transfer", message, fields }, ["phase", "checkpoint"]);
      }
      case "recovered": {
        const fields = { checkpoint: event.sequence };
        return this.write({ event: "recovered", message: "had lost its disk, and votes again", fields });
      }
      case "old-copy": {
        const fields = { said: event.message, sequence: event.sequence };
        const message =
          "its store is an old copy: the others hold what it said, and it does not know of it; it recovers before it votes";
        return this.error({ event: "old-copy", message, fields });
      }
      case "operation-failed": {
        const { sequence, error, stack } = event;
        const fields = { sequence, error, ...(stack !== null && { stack: stack.slice(0, MAX_STACK_LENGTH) }) };
        return this.error({ event: "operation-failed", message: "the state machine has a defect", fields }, ["error"]);
      }
      case "contradiction": {
        const fields = { accused: this.#name(event.accused), kind: event.message, sequence: event.sequence };
        const message = "a member has signed two messages that contradict each other; GET /evidence proves it";
        return this.warn({ event: "contradiction", message, fields }, ["accused", "kind"]);
      }
      case "discarded": {
        if (event.reason !== "conflicting") return;
        const from = typeof event.from === "number" ? this.#name(event.from) : event.from;
        const message = "dropped a message that contradicts an earlier one of its sender";
        return this.warn({ event: "conflicting", message, fields: { from, kind: event.message } }, ["from", "kind"]);
      }
    }
  }

  /** @ignore */
  onRejected({ kind, reason, detail }: Rejection): void {
    if (reason === "unavailable") return; // It is this replica that stops, or has said that it halted.
    const fields = { kind, reason, detail };
    this.warn({ event: "rejected", message: "refused a message", fields }, ["kind", "reason"]);
  }

  /** @ignore */
  onFault({ input, from, error }: InputFault): void {
    const sender = typeof from === "number" ? this.#name(from) : from;
    const message = "dropped an input on which this program failed; please report this defect";
    const fields = { input, from: sender, error: error.slice(0, MAX_STACK_LENGTH) };
    this.error({ event: "defect", message, fields }, ["input", "from"]);
  }

  /** @ignore */
  onHostEvent(trouble: HostEvent): void {
    const entry = troubleEntry(trouble, (id) => this.#name(id));
    this.write(entry, entry.fields.peer === undefined ? [] : ["peer"]);
  }

  #name(id: ReplicaId): string | number {
    return this.#options.members?.[id] ?? id;
  }
}
