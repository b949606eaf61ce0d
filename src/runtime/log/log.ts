/**
 * The log of a replica: one line per event, with time, level, replica and fields, as text or JSON.
 * @module
 */
import type { LeaveReason, ReplicaEvent, SuspicionReason } from "../../core/events.ts";
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { InputFault, Observer, Rejection, Timer } from "../../node/ports.ts";
import type { HostEvent } from "../../node/host_event.ts";
import { type Fields, formatLine, type Level, type LogFormat } from "./format.ts";
import { LineLimit } from "./limit.ts";
import { hostEventEntry } from "./host_event.ts";

export type { Fields, Level, LogFormat };

/** One event for the log. */
export interface LogEntry {
  /** `error`: an operator must act. `warn`: something is wrong, but the cluster tolerates it. `info`: good to know; the default. */
  readonly level?: Level;
  /** The kind of event, for machines: `new-view`. */
  readonly event: string;
  /** A short description for people. */
  readonly message: string;
  /** The details. */
  readonly fields?: Fields;
}

/** Options of {@linkcode Log}. */
export interface LogOptions {
  /** The replica's name. */
  readonly name: string;
  /** The members' names by replica id. Without them the log prints their numbers. */
  readonly members?: readonly string[];
  /** Default `text`. */
  readonly format?: LogFormat;
  /** Texts that are removed from every line, whatever an error contains: the private key. */
  readonly secrets?: readonly string[];
  /** The clocks for the time of each line and for the limits. */
  readonly timer: Pick<Timer, "now" | "monotonic">;
  /** Prints a line, given without a line end. Default `console.log`. */
  readonly print?: (line: string) => void;
}

/** The descriptions of suspicions. */
const SUSPICIONS: Readonly<Record<SuspicionReason | "hand-over" | "withdrawn", string>> = {
  "no-progress": "suspects the primary: requests are waiting, but none was executed in time",
  "overtaken": "suspects the primary: a request is waiting while later requests of others were executed",
  "slow-time": "suspects the primary: its time stands still or lags",
  "slow-primary": "suspects the primary: a request is waiting although the primary has room for it",
  "no-new-view": "suspects the next primary: it did not start its view in time",
  "hand-over": "agrees to hand over to the next primary",
  "withdrawn": "no longer suspects the primary: requests are executed again",
};

/** The descriptions of the reasons to leave a view. */
const REASONS: Readonly<Record<LeaveReason, string>> = {
  "suspected": "f + 1 replicas suspect the primary",
  "handed-over": "a quorum of replicas agreed to a hand-over",
  "others-moved": "other replicas already did, with proof that they may",
};

/** Longer texts in fields are cut to this length, characters. */
const MAX_STACK_LENGTH = 4_000;

/**
 * Prints the events that an operator needs. An event of the same kind is printed at most once in ten seconds, with the number of those left
 * out, and at most about ten lines per second are printed in all, whatever members or strangers send.
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
  /** The names of the last epoch. */
  #members: readonly string[];

  /** Makes a log. Prints nothing yet. */
  constructor(options: LogOptions) {
    this.#options = options;
    this.#members = options.members ?? [];
    this.#limit = new LineLimit(options.timer);
    this.#print = options.print ?? console.log;
  }

  /** Prints one line, unless a line with the same event and the same fields `key` was printed in the last ten seconds. */
  write({ level = "info", event, message, fields = {} }: LogEntry, key: readonly (keyof Fields)[] = []): void {
    const admitted = this.#limit.admit([event, ...key.map((name) => fields[name])].join(" "));
    if (!admitted) return;
    const { repeated, dropped } = admitted;
    const { name, format = "text", secrets = [], timer } = this.#options;
    const line = { time: timer.now(), level, replica: name, event, message };
    const counts = { ...(repeated > 0 && { repeated }), ...(dropped > 0 && { linesLeftOut: dropped }) };
    this.#print(formatLine(line, { ...fields, ...counts }, { format, secrets }));
  }

  /** The same as {@linkcode Log.write}, at level `warn`. */
  warn(entry: Omit<LogEntry, "level">, key?: readonly (keyof Fields)[]): void {
    this.write({ ...entry, level: "warn" }, key);
  }

  /** The same as {@linkcode Log.write}, at level `error`. */
  error(entry: Omit<LogEntry, "level">, key?: readonly (keyof Fields)[]): void {
    this.write({ ...entry, level: "error" }, key);
  }

  /** Prints a bug of the program, with the stack for its author. */
  defect(message: string, error: unknown): void {
    const text = error instanceof Error ? error.stack ?? String(error) : String(error);
    this.error({ event: "defect", message, fields: { error: text.slice(0, MAX_STACK_LENGTH) } }, ["error"]);
  }

  /** @ignore */
  onEvent(event: ReplicaEvent): void {
    switch (event.kind) {
      case "suspicion": {
        const fields = { view: event.view, reason: event.why };
        return this.warn({ event: "suspicion", message: SUSPICIONS[event.why], fields }, ["view", "reason"]);
      }
      case "view-change": {
        const fields = { view: event.view, reason: event.why };
        const message = `moving to view ${event.view}: ${REASONS[event.why]}`;
        return this.warn({ event: "view-change", message, fields }, ["view"]);
      }
      case "new-view": {
        const fields = { view: event.view, primary: this.#name(event.primary), carriedOver: event.prepared };
        return this.write({ event: "new-view", message: "a new view has started", fields }, ["view"]);
      }
      case "state-transfer": {
        const message = event.phase === "started"
          ? "this replica is behind: it is fetching the state of a checkpoint from the others"
          : "the state of a checkpoint was fetched";
        const fields = { phase: event.phase, checkpoint: event.sequence };
        return this.write({ event: "state-transfer", message, fields }, ["phase", "checkpoint"]);
      }
      case "recovered": {
        const fields = { checkpoint: event.sequence };
        return this.write({ event: "recovered", message: "recovered from a lost disk, and votes again", fields });
      }
      case "repaired":
        return this.write({
          event: "repaired",
          message: "damaged parts of the state were fetched and stored again",
          fields: { blobs: event.blobs },
        });
      case "old-copy": {
        const fields = { said: event.message, sequence: event.sequence };
        const message =
          "the store is an old copy: the others hold messages of this replica that it does not know; it recovers before it votes";
        return this.error({ event: "old-copy", message, fields });
      }
      case "operation-failed": {
        const { sequence, error, stack } = event;
        const fields = { sequence, error, ...(stack !== null && { stack: stack.slice(0, MAX_STACK_LENGTH) }) };
        const message = "an operation failed because of a bug in the state machine";
        return this.error({ event: "operation-failed", message, fields }, ["error"]);
      }
      case "migrated": {
        const { version, sequence } = event;
        const message = "the state is that of a new version of the state machine now";
        return this.write({ event: "migrated", message, fields: { version, sequence } });
      }
      case "migration-failed": {
        const { version, sequence, error, stack } = event;
        const fields = { version, sequence, error, ...(stack !== null && { stack: stack.slice(0, MAX_STACK_LENGTH) }) };
        const message = "the migration of the state failed: the former version of the state machine stays in force";
        return this.error({ event: "migration-failed", message, fields });
      }
      case "version-missing": {
        const message =
          "this replica has not the next version of the state machine, or no migration to it, and waits for the others; " +
          "start it with code that has it";
        return this.error({ event: "version-missing", message, fields: { version: event.version } });
      }
      case "contradiction": {
        const fields = { accused: this.#name(event.accused), kind: event.message, sequence: event.sequence };
        const message = "a member signed two messages that contradict each other; GET /evidence has the proof";
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
    if (reason === "unavailable") return; // This replica is stopping, or has already reported that it halted.
    const fields = { kind, reason, detail };
    this.warn({ event: "rejected", message: "refused a message", fields }, ["kind", "reason"]);
  }

  /** @ignore */
  onFault({ input, from, error }: InputFault): void {
    const sender = typeof from === "number" ? this.#name(from) : from;
    const message = "dropped an input because of a bug in this program; please report it";
    const fields = { input, from: sender, error: error.slice(0, MAX_STACK_LENGTH) };
    this.error({ event: "defect", message, fields }, ["input", "from"]);
  }

  /** @ignore */
  onHostEvent(event: HostEvent): void {
    if (event.kind === "epoch-entered") {
      this.#members = event.members;
      if (event.epoch === 0 && event.isMember) return; // nothing has changed
    }
    const entry = hostEventEntry(event, (id) => this.#name(id));
    const key = event.kind === "epoch-entered" ? ["epoch"] : entry.fields.peer === undefined ? [] : ["peer"];
    this.write(entry, key);
  }

  #name(id: ReplicaId): string | number {
    return this.#members[id] ?? id;
  }
}
