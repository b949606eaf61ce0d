/**
 * How many new names and sessions one address may bring. The table of clients is one for the whole cluster, and nobody who is at work in it gives
 * way; so whoever filled it would keep out every new client until his own have been idle for long enough.
 * @module
 */
import type { Genesis } from "../../core/config.ts";
import type { Timer } from "../../node/ports.ts";
import { applicantOf, type Middleware } from "./context.ts";
import { Problem } from "../problem.ts";

/** What {@linkcode Newcomers} needs. */
export interface NewcomersOptions {
  /** How many all addresses together may have here. */
  readonly max: number;
  /** One that was not used for so long counts no more, ms. */
  readonly idleMs: number;
  /** A clock that does not jump, ms. */
  readonly now: () => number;
}

interface Entry {
  readonly network: string | undefined;
  readonly units: Set<number>;
  usedAt: number;
}

/** An address may have so many times what is left for all others: two thirds if it is alone. */
const SHARE = 2;

/** Those that came here of late, by the address that brought them. */
export class Newcomers {
  readonly #options: NewcomersOptions;
  /** The one that was idle the longest first. */
  readonly #entries = new Map<string, Entry>();
  readonly #counts = new Map<string | undefined, number>();
  #count = 0;

  constructor(options: NewcomersOptions) {
    this.#options = options;
  }

  /** Notes that one is used; whether it may be: it is known, or the address has not had its share yet. `unit`: tells apart what one key has several of. */
  use(network: string | undefined, key: string, unit: number): boolean {
    const now = this.#options.now();
    this.#forgetIdle(now);
    const known = this.#entries.get(key);
    if (!known?.units.has(unit) && !this.#hasRoom(network)) return false;
    const entry = known ?? { network, units: new Set(), usedAt: now };
    if (!entry.units.has(unit)) {
      entry.units.add(unit);
      this.#add(entry.network, 1);
    }
    entry.usedAt = now;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return true;
  }

  /** It is used, if it is known. */
  touch(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    entry.usedAt = this.#options.now();
    this.#entries.delete(key);
    this.#entries.set(key, entry);
  }

  #hasRoom(network: string | undefined): boolean {
    return (this.#counts.get(network) ?? 0) < SHARE * (this.#options.max - this.#count);
  }

  #forgetIdle(now: number): void {
    for (const [key, { network, units, usedAt }] of this.#entries) {
      if (usedAt + this.#options.idleMs > now) return;
      this.#entries.delete(key);
      this.#add(network, -units.size);
    }
  }

  #add(network: string | undefined, count: number): void {
    this.#count += count;
    const left = (this.#counts.get(network) ?? 0) + count;
    if (left > 0) this.#counts.set(network, left);
    else this.#counts.delete(network);
  }
}

/**
 * Middleware that answers 429 to the newcomers of an address that has had its share here. Each member lets in an n-th of what the table has room for, so
 * that the newcomers of all together fit in.
 */
export function limitNewcomers({ limits, replicas }: Genesis, timer: Pick<Timer, "monotonic">): Middleware {
  const share = (all: number) => Math.max(1, Math.floor(all / replicas.length));
  const now = () => timer.monotonic();
  const names = new Newcomers({ max: share(limits.maxNames), idleMs: limits.nameIdleMs, now });
  const sessions = new Newcomers({ max: share(limits.maxSessions), idleMs: limits.sessionIdleMs, now });
  return async (context, next) => {
    const network = context.var.caller?.network;
    const submitter = applicantOf(context);
    let isIn = true;
    if (submitter.kind === "operation") isIn = names.use(network, submitter.name, 0);
    else if (submitter.kind === "request") {
      const { message } = submitter.asked;
      const isOpening = message.kind === "request" && message.session === 0;
      if (isOpening) isIn = sessions.use(network, submitter.client, message.timestamp);
      else sessions.touch(submitter.client);
    }
    if (isIn) return await next();
    return new Problem("too-many-clients", {
      detail:
        "too many new clients came from this address of late; those that are known go on. Try again later, or at another replica",
    }).toResponse();
  };
}
