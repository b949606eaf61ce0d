/**
 * What a replica says in its terminal: few lines, for people.
 * @module
 */
import type { Event } from "../core/events.ts";
import type { InputFault } from "../node/input_faults.ts";
import type { Observer, Rejection, Timer } from "../node/ports.ts";

/** So many kinds of lines are remembered. */
const MAX_REMEMBERED = 256;
/** A line of the same kind is printed this often at most, ms. */
const REPEAT_MS = 10_000;

/** Prints what matters to an operator; what may come in floods is counted and said now and then. */
export class Log implements Observer {
  readonly #name: string;
  readonly #print: (line: string) => void;
  readonly #timer: Pick<Timer, "monotonic">;
  readonly #repeated = new Map<string, { readonly at: number; count: number }>();

  constructor(name: string, timer: Pick<Timer, "monotonic">, print: (line: string) => void = console.log) {
    this.#name = name;
    this.#timer = timer;
    this.#print = print;
  }

  /** Prints one line with the replica's name before it. */
  say(text: string): void {
    this.#print(`${this.#name.padEnd(6)} ${text}`);
  }

  onEvent(event: Event): void {
    switch (event.kind) {
      case "view-change":
        return this.say(`leaves for view ${event.view}: ${event.why}`);
      case "new-view":
        return this.say(`view ${event.view} has started, replica ${event.primary} is its primary`);
      case "state-transfer":
        return this.say(`fetching the state at ${event.sequence}: ${event.phase}`);
      case "recovered":
        return this.say(`had lost its disk; with the checkpoint at ${event.sequence} stable, it votes again`);
      case "operation-failed":
        return this.#sometimes(`the state machine threw: ${event.error.split("\n", 1)[0]!.slice(0, 200)}`);
      case "discarded":
        if (event.reason !== "conflicting") return;
        return this.#sometimes(`discarded a ${event.message} that contradicts an earlier one of replica ${event.from}`);
    }
  }

  onRejected({ kind, reason }: Rejection): void {
    if (reason === "unavailable") return; // It is this replica that stops, or has said that it halted.
    this.#sometimes(`rejected a message (${kind}): ${reason}`);
  }

  onFault({ input, from, error }: InputFault): void {
    const whose = from === null ? "" : ` of ${typeof from === "number" ? "replica" : "client"} ${from}`;
    this.#sometimes(
      `BUG: dropped a ${input}${whose} on which the core threw: ${error.split("\n", 1)[0]!.slice(0, 200)}`,
    );
  }

  #sometimes(text: string): void {
    const now = this.#timer.monotonic();
    const before = this.#repeated.get(text);
    if (before && now - before.at < REPEAT_MS) {
      before.count++;
      return;
    }
    this.say(before && before.count > 0 ? `${text} (and ${before.count} more before)` : text);
    if (this.#repeated.size >= MAX_REMEMBERED) this.#repeated.clear();
    this.#repeated.set(text, { at: now, count: 0 });
  }
}
