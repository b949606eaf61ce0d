/**
 * What a replica says in its terminal: few lines, for people.
 * @module
 */
import type { Event } from "../core/io.ts";
import type { Observer, Rejection, Timer } from "../node/ports.ts";

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
    if (event.kind === "state-transfer") this.say(`fetching the state at ${event.sequence}: ${event.phase}`);
    if (event.kind === "discarded" && event.reason === "conflicting") {
      this.#sometimes(`discarded a ${event.message} that contradicts an earlier one of replica ${event.from}`);
    }
  }

  onRejected({ kind, reason }: Rejection): void {
    if (reason === "unavailable") return; // It is this replica that stops, or has said that it halted.
    this.#sometimes(`rejected a message (${kind}): ${reason}`);
  }

  #sometimes(text: string): void {
    const now = this.#timer.monotonic();
    const before = this.#repeated.get(text);
    if (before && now - before.at < REPEAT_MS) {
      before.count++;
      return;
    }
    this.say(before && before.count > 0 ? `${text} (and ${before.count} more before)` : text);
    this.#repeated.set(text, { at: now, count: 0 });
  }
}
