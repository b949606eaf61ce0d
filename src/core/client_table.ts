/**
 * Exactly once: what each client has had executed, and the stored replies (PBFT §4.1). All of it is part of the
 * checkpointed state, and every decision is taken at execution, so that all replicas decide alike.
 *
 * Deviation: the paper remembers one reply per client for ever. Here a signed client opens a *session*, with a window of
 * timestamps so that it can pipeline; a request of a session that is not there is refused and never executed again, so
 * sessions may be evicted. Unsigned clients share the other half of the table, by name.
 *
 * @module
 */
import type { Limits } from "./config.ts";
import type { ClientId, Digest, Millis, SequenceNumber } from "./ids.ts";
import type { Environment, Plain } from "./io.ts";
import type { Request, Result, VouchedOperation, VouchedRequest } from "./messages.ts";
import { NEVER, refusal, refuse, reused } from "./refusals.ts";
import type { ChunkChange } from "./state_tree.ts";
import { decodeReplies, encodeReplies, storedBytes, type StoredReply, storedReply } from "./stored_replies.ts";
import { utf8 } from "./text.ts";

/** Where and when a batch is executed. */
export interface Moment {
  readonly sequence: SequenceNumber;
  readonly timestamp: Millis;
}

interface Session {
  readonly client: ClientId;
  readonly id: number;
  readonly nonce: number;
  /** All timestamps below it are answered and forgotten. */
  lowestUnanswered: number;
  lastUsed: Millis;
  /** By timestamp; keys in [lowestUnanswered, lowestUnanswered + window). */
  readonly replies: Map<number, StoredReply>;
}

interface Name {
  readonly name: string;
  lastUsed: Millis;
  /** Timestamps up to this one are no longer remembered one by one, and refused. */
  floor: number;
  readonly replies: Map<number, StoredReply>;
}

/** Bytes of stored results per name, beyond which its oldest go. */
const MAX_NAME_REPLY_BYTES = 16 * 1024;

/** The client table. */
export class ClientTable {
  readonly #env: Pick<Environment, "hash" | "pack" | "unpack">;
  readonly #limits: Limits;
  readonly #sessions = new Map<string, Session>();
  readonly #names = new Map<string, Name>();
  /** Chunk ids of what changed since the last checkpoint. */
  readonly #dirty = new Set<string>();

  constructor(env: Pick<Environment, "hash" | "pack" | "unpack">, limits: Limits) {
    this.#env = env;
    this.#limits = limits;
  }

  get sessions(): number {
    return this.#sessions.size;
  }

  get names(): number {
    return this.#names.size;
  }

  /**
   * What a request is answered for good, however often it comes and whoever brings it: its stored results, or a refusal that
   * stands as long as the service. It need not be ordered; if it were, relays of old requests would be ordered for ever.
   * `null`: its execution must tell.
   */
  lookup(request: Request, digest: Digest, executed: SequenceNumber): readonly Result[] | null {
    if (request.session === 0) {
      const session = this.#opened(request);
      return session && [opened(session)];
    }
    const session = this.#sessions.get(sessionKey(request.client, request.session));
    // A session's id is the number that opened it, so that none with this id can open any more.
    if (!session) return request.session <= executed ? refuse(request, "unknown-session", NEVER) : null;
    const stored = session.replies.get(request.timestamp);
    if (stored) return stored.digest === digest ? stored.results : reused(request, stored);
    return request.timestamp < session.lowestUnanswered ? refuse(request, "stale-timestamp", NEVER) : null;
  }

  /** Executes a signed request once, by `run`, or answers from memory, or refuses. */
  execute(request: Request, digest: Digest, at: Moment, run: () => readonly Result[]): readonly Result[] {
    if (request.session === 0) return [this.#open(request, at)];
    const session = this.#sessions.get(sessionKey(request.client, request.session));
    if (!session) return refuse(request, "unknown-session", NEVER);
    this.#acknowledge(session, request);
    session.lastUsed = at.timestamp;
    this.#dirty.add(sessionChunk(session));
    const stored = session.replies.get(request.timestamp);
    if (stored) return stored.digest === digest ? stored.results : reused(request, stored);
    if (request.timestamp < session.lowestUnanswered) return refuse(request, "stale-timestamp", NEVER);
    if (request.timestamp >= session.lowestUnanswered + this.#limits.sessionWindow) {
      return refuse(request, "beyond-window", at.sequence);
    }
    if (storedBytes(session.replies) >= this.#limits.maxSessionReplyBytes) {
      return refuse(request, "reply-storage-full", at.sequence);
    }
    const results = run();
    session.replies.set(request.timestamp, storedReply(digest, results));
    return results;
  }

  /** What a vouched request is answered for good, as in {@linkcode lookup}. */
  lookupAll({ operations, notAfter }: VouchedRequest, agreedTime: Millis): readonly Result[] | null {
    const isExpired = notAfter < agreedTime;
    const results: Result[] = [];
    for (const operation of operations) {
      const result = this.lookupVouched(operation) ?? (isExpired ? refusal("expired", NEVER) : null);
      if (!result) return null;
      results.push(result);
    }
    return results;
  }

  /** What an unsigned client's operation is answered for good: its stored result, or a refusal. */
  lookupVouched({ name, timestamp, operation }: VouchedOperation): Result | null {
    const known = this.#names.get(name);
    const stored = known?.replies.get(timestamp);
    if (stored) {
      const first = stored.results[0]!;
      return stored.digest === this.#env.hash(operation) ? first : refusal("timestamp-reused", first.sequence);
    }
    return known && timestamp <= known.floor ? refusal("stale-timestamp", NEVER) : null;
  }

  /** Executes an unsigned client's operation once, by `run`, or answers from memory, or refuses. */
  executeVouched(operation: VouchedOperation, at: Moment, run: () => Result): Result {
    const remembered = this.lookupVouched(operation);
    if (remembered) return remembered;
    const known = this.#names.get(operation.name);
    if (
      !known && !this.#makeRoom(this.#names, this.#limits.maxNames, this.#limits.nameIdleMs, at.timestamp, nameChunk)
    ) {
      return refusal("too-many-clients", at.sequence);
    }
    const name = known ?? { name: operation.name, lastUsed: at.timestamp, floor: -1, replies: new Map() };
    this.#names.set(operation.name, name);
    const result = run();
    name.replies.set(operation.timestamp, storedReply(this.#env.hash(operation.operation), [result]));
    name.lastUsed = at.timestamp;
    this.#forgetOldest(name);
    this.#dirty.add(nameChunk(name));
    return result;
  }

  /** The chunks of the table that changed since the last call. */
  takeChanges(): readonly ChunkChange[] {
    const changes = [...this.#dirty].sort().map((id): ChunkChange => [id, this.#encode(id)]);
    this.#dirty.clear();
    return changes;
  }

  /** Puts chunks in place, after a restart or a state transfer. */
  restore(changes: Iterable<ChunkChange>): void {
    for (const [id, chunk] of changes) {
      this.#dirty.delete(id);
      if (chunk === null) this.#remove(id);
      else if (id.startsWith("s")) this.#restoreSession(this.#env.unpack(chunk));
      else this.#restoreName(this.#env.unpack(chunk));
    }
  }

  /** Opening is idempotent by its nonce. Only sessions that are idle long enough give way, so a flood evicts nobody at work. */
  #open(request: Request, at: Moment): Result {
    const before = this.#opened(request);
    if (before) return opened(before);
    const { maxSessions, sessionIdleMs } = this.#limits;
    const taken = this.#sessions.has(sessionKey(request.client, at.sequence)); // one opening per client and batch
    if (taken || !this.#makeRoom(this.#sessions, maxSessions, sessionIdleMs, at.timestamp, sessionChunk)) {
      return refusal("too-many-clients", at.sequence);
    }
    const session: Session = {
      client: request.client,
      id: at.sequence,
      nonce: request.timestamp,
      lowestUnanswered: 1,
      lastUsed: at.timestamp,
      replies: new Map(),
    };
    this.#sessions.set(sessionKey(session.client, session.id), session);
    this.#dirty.add(sessionChunk(session));
    return opened(session);
  }

  /** The session that this request has opened before. */
  #opened({ client, timestamp }: Request): Session | null {
    for (const session of this.#sessions.values()) {
      if (session.client === client && session.nonce === timestamp) return session;
    }
    return null;
  }

  #acknowledge(session: Session, request: Request): void {
    const lowest = Math.min(request.lowestUnanswered, request.timestamp);
    if (lowest <= session.lowestUnanswered) return;
    session.lowestUnanswered = lowest;
    for (const timestamp of [...session.replies.keys()]) if (timestamp < lowest) session.replies.delete(timestamp);
  }

  /** Evicts the longest idle entry of a full table, ties broken by key; false if none has been idle long enough. */
  #makeRoom<T extends { readonly lastUsed: Millis }>(
    table: Map<string, T>,
    max: number,
    idleMs: number,
    now: Millis,
    chunkOf: (entry: T) => string,
  ): boolean {
    if (table.size < max) return true;
    let idlest: [string, T] | null = null;
    for (const entry of table) {
      if (
        !idlest || entry[1].lastUsed < idlest[1].lastUsed ||
        (entry[1].lastUsed === idlest[1].lastUsed && entry[0] < idlest[0])
      ) {
        idlest = entry;
      }
    }
    if (!idlest || idlest[1].lastUsed + idleMs > now) return false;
    table.delete(idlest[0]);
    this.#dirty.add(chunkOf(idlest[1]));
    return true;
  }

  #forgetOldest(name: Name): void {
    while (
      name.replies.size > this.#limits.sessionWindow ||
      (name.replies.size > 1 && storedBytes(name.replies) > MAX_NAME_REPLY_BYTES)
    ) {
      const oldest = Math.min(...name.replies.keys());
      name.replies.delete(oldest);
      name.floor = Math.max(name.floor, oldest);
    }
  }

  #encode(id: string): Uint8Array | null {
    const key = id.slice(1);
    if (id.startsWith("s")) {
      const s = this.#sessions.get(key);
      return s
        ? this.#env.pack([s.client, s.id, s.nonce, s.lowestUnanswered, s.lastUsed, encodeReplies(s.replies)])
        : null;
    }
    const n = this.#names.get(key);
    return n ? this.#env.pack([n.name, n.lastUsed, n.floor + 1, encodeReplies(n.replies)]) : null;
  }

  #restoreSession(plain: Plain): void {
    const [client, id, nonce, lowestUnanswered, lastUsed, replies] = plain as [
      ClientId,
      number,
      number,
      number,
      Millis,
      Plain,
    ];
    this.#sessions.set(sessionKey(client, id), {
      client,
      id,
      nonce,
      lowestUnanswered,
      lastUsed,
      replies: decodeReplies(replies),
    });
  }

  #restoreName(plain: Plain): void {
    const [name, lastUsed, floor, replies] = plain as [string, Millis, number, Plain];
    this.#names.set(name, { name, lastUsed, floor: floor - 1, replies: decodeReplies(replies) });
  }

  #remove(id: string): void {
    if (id.startsWith("s")) this.#sessions.delete(id.slice(1));
    else this.#names.delete(id.slice(1));
  }
}

function opened(session: Session): Result {
  return { sequence: session.id as SequenceNumber, status: "ok", value: utf8(String(session.id)) };
}

function sessionKey(client: ClientId, id: number): string {
  return `${client}/${id}`;
}

function sessionChunk(session: Session): string {
  return `s${sessionKey(session.client, session.id)}`;
}

function nameChunk(name: Name): string {
  return `n${name.name}`;
}
