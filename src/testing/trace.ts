/**
 * The trace of a run, line by line, in the paper's terms.
 * @module
 */
import type { Genesis } from "../core/config.ts";
import type { Message } from "../core/messages/messages.ts";

/** The lines of one run. Nothing is formatted unless the trace is wanted. */
export class Trace {
  readonly #lines: string[] | null;
  readonly #now: () => number;

  constructor(isWanted: boolean, now: () => number) {
    this.#lines = isWanted ? [] : null;
    this.#now = now;
  }

  /** Whether lines are kept at all. */
  get isWanted(): boolean {
    return this.#lines !== null;
  }

  /** Adds a line: when, who, what. */
  line(who: string, what: () => string): void {
    this.#lines?.push(`${this.#now().toFixed(2).padStart(10)}  ${who.padEnd(8)} ${what()}`);
  }

  /** All lines. */
  get lines(): readonly string[] {
    return this.#lines ?? [];
  }
}

/** The start of a digest, enough to tell it from others. */
export function short(digest: string): string {
  return digest.slice(0, 6);
}

/** A message as the paper writes it. */
export function wordsOf(message: Message, genesis: Genesis): string {
  const name = (id: number) => genesis.replicas[id]?.name ?? `replica ${id}`;
  switch (message.kind) {
    case "request":
      return `REQUEST of ${short(message.client)}, session ${message.session}, t=${message.timestamp}, ` +
        `${message.operations.length} operations`;
    case "gateway-request":
      return `GATEWAY REQUEST through ${name(message.gateway)}: ` +
        message.operations.map(({ name, timestamp }) => `${name} t=${timestamp}`).join(", ");
    case "pre-prepare":
    case "prepare":
    case "commit":
      return `${message.kind.toUpperCase()} v=${message.view} n=${message.sequence} d=${short(message.digest)}`;
    case "checkpoint":
      return `CHECKPOINT n=${message.sequence} d=${short(message.digest)}`;
    case "reply":
      return `REPLY to ${short(message.request)} in v=${message.view}`;
    case "status":
      return `STATUS v=${message.view} stable ${message.stable} executed ${message.executed} [${
        message.stages.map((stage) => stage[0] === "p" ? stage.slice(0, 4) : stage[0]).join(" ")
      }]`;
    case "fetch":
      return `FETCH ${message.digests.map(short).join(" ")}`;
    case "blobs":
      return `BLOBS ${message.blobs.length}`;
    case "decision":
      return `DECISION n=${message.commits[0]?.message.sequence}`;
    case "suspicion":
      return `SUSPICION ${message.standing} v=${message.view} executed ${message.executed} #${message.number}`;
    case "view-change":
      return `VIEW-CHANGE v=${message.view} stable ${message.stable[0]?.message.sequence ?? 0} P={${
        message.prepared.map(({ prePrepare: { message: p } }) => `n=${p.sequence} v=${p.view} d=${short(p.digest)}`)
          .join("; ")
      }}`;
    case "new-view":
      return `NEW-VIEW v=${message.view} V={${
        message.viewChanges.map(({ message: { replica } }) => name(replica)).join(" ")
      }} O={${message.prePrepares.map(({ message: p }) => `n=${p.sequence} d=${short(p.digest)}`).join("; ")}}`;
    default:
      return (message as Message).kind.toUpperCase();
  }
}
