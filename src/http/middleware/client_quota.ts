/**
 * Quota of new client names and sessions per address. The client table is shared by the whole cluster, and an active
 * client is never removed from it. Without a quota, one address could fill the table and keep out all new clients until
 * its own entries have been idle long enough.
 * @module
 */
import type { ClientId } from "../../core/messages/ids.ts";
import type { Genesis } from "../../core/config.ts";
import type { ClientRequest } from "../../core/messages/messages.ts";
import type { Timer } from "../../node/ports.ts";
import { type Middleware, submitterOf } from "./context.ts";
import { Problem } from "../problem.ts";

/** Options of {@linkcode ClientQuota}. */
export interface ClientQuotaOptions {
  /** Maximum number of clients from all addresses together at this replica. */
  readonly max: number;
  /** Idle time after which a client no longer counts, ms. */
  readonly idleMs: number;
  /** A monotonic clock, ms. */
  readonly now: () => number;
}

/** What the quotas need of a node. `hasSession`: `undefined` if it can't tell. */
export interface NewClientsNode {
  readonly genesis: Genesis;
  readonly hasSession?: (client: ClientId, session: number) => boolean | undefined;
}

interface Entry {
  readonly network: string | undefined;
  readonly units: Set<number>;
  usedAt: number;
}

/**
 * An address may have at most this many times what is left for all others: two thirds of the quota if it is the only
 * one.
 */
const SHARE = 2;

/** Recently used clients, each counted to the address it first came from. */
export class ClientQuota {
  readonly #options: ClientQuotaOptions;
  /** In order of last use, the oldest first. */
  readonly #entries = new Map<string, Entry>();
  readonly #counts = new Map<string | undefined, number>();
  #count = 0;

  constructor(options: ClientQuotaOptions) {
    this.#options = options;
  }

  /**
   * Records the use of a client. Returns whether it is allowed: it is known already, or the address has quota left.
   * `unit`: tells apart several entries of one key, such as sessions.
   */
  use(network: string | undefined, key: string, unit: number): boolean {
    const now = this.#options.now();
    this.#forgetIdle(now);
    const known = this.#entries.get(key);
    if (!known?.units.has(unit) && !this.#hasQuota(network)) return false;
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

  /** The time until a client of this address, or else of any, no longer counts if it is not used again, ms. */
  roomInMs(network: string | undefined): number {
    const entries = [...this.#entries.values()];
    const first = entries.find((entry) => entry.network === network) ?? entries[0];
    return first ? Math.max(0, first.usedAt + this.#options.idleMs - this.#options.now()) : 0;
  }

  /** Records the use of a client if it is known. */
  touch(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    entry.usedAt = this.#options.now();
    this.#entries.delete(key);
    this.#entries.set(key, entry);
  }

  #hasQuota(network: string | undefined): boolean {
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
 * Middleware that answers 429 to new clients of an address that has used up its quota. Each of the n members admits 1/n
 * of the client table, so that the new clients of all members fit in. Requests of sessions that are not open have a
 * quota of the same size: they are ordered, and refused only then, and a key costs nothing.
 */
export function limitNewClients(
  { genesis: { limits, replicas }, hasSession }: NewClientsNode,
  timer: Pick<Timer, "monotonic">,
): Middleware {
  const share = (all: number) => Math.max(1, Math.floor(all / replicas.length));
  const now = () => timer.monotonic();
  const names = new ClientQuota({ max: share(limits.maxNames), idleMs: limits.nameIdleMs, now });
  const ofSessions = { max: share(limits.maxSessions), idleMs: limits.sessionIdleMs, now };
  const [sessions, unknown] = [new ClientQuota(ofSessions), new ClientQuota(ofSessions)];
  return async (context, next) => {
    const network = context.var.caller?.network;
    const submitter = submitterOf(context);
    /** The quota that is used up. */
    let full: ClientQuota | null = null;
    if (submitter.kind === "operation") full = names.use(network, submitter.name, 0) ? null : names;
    else if (submitter.kind === "request") {
      const { message } = submitter.asked;
      const { session, timestamp } = message as ClientRequest;
      if (session === 0) full = sessions.use(network, submitter.client, timestamp) ? null : sessions;
      else if (hasSession?.(submitter.client, session) === false) {
        full = unknown.use(network, submitter.client, session) ? null : unknown;
      } else sessions.touch(submitter.client);
    }
    if (!full) return await next();
    const seconds = Math.max(1, Math.ceil(full.roomInMs(network) / 1000));
    return new Problem("too-many-clients", {
      detail: "too many new clients from this address; known clients are still served. " +
        `Try again in ${seconds} s, when the one that was used least recently may count no more, or at another replica`,
      headers: { "retry-after": String(seconds) },
    }).toResponse();
  };
}
