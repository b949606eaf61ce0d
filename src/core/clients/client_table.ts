/**
 * The client table, which makes execution exactly once: what each client has had executed, and the stored replies (PBFT
 * §4.1). The table is part of the checkpointed state. Every decision is made at execution, so that all replicas decide
 * alike.
 *
 * Deviation: the paper remembers one reply per client for ever. Here a signed client opens a *session* with a window of
 * timestamps, so that it can have several requests in flight. A request of an unknown session is refused and never
 * executed, so sessions may be evicted. Unsigned clients are known by name in the other half of the table,
 * {@linkcode ClientNames}.
 *
 * @module
 */
import { ClientNames } from "./client_names.ts";
import { Idlest, makeRoom, type Moment } from "./client_room.ts";
import { keyOf, type Session, sessionKey, Sessions } from "./sessions.ts";
import { Undoing } from "./undoing.ts";
import type { Limits } from "../config.ts";
import type { ClientId, Digest, Millis, SequenceNumber } from "../messages/ids.ts";
import type { Environment, Plain } from "../io.ts";
import type { ClientRequest, GatewayOperation, GatewayRequest, Result } from "../messages/messages.ts";
import { refusal, refuse, refuseReused, UNORDERED } from "./refusals.ts";
import type { ChunkChange } from "../tree/state_tree.ts";
import { decodeReplies, encodeReplies, storedBytes, storedReply } from "./stored_replies.ts";
import { ChangedKeys } from "../tree/changed_keys.ts";
import { utf8 } from "../tree/text.ts";

/** The client table. */
export class ClientTable {
  readonly #env: Pick<Environment, "hash" | "pack" | "unpack">;
  readonly #limits: Limits;
  readonly #sessions = new Sessions();
  readonly #names: ClientNames;
  /** The sessions that changed since the last checkpoint. */
  readonly #changed = new ChangedKeys<Session | undefined>((key) => copied(this.#sessions.get(key)));
  readonly #idlest = new Idlest(this.#sessions);
  readonly #undoing: Undoing<Session>;

  constructor(env: Pick<Environment, "hash" | "pack" | "unpack">, limits: Limits) {
    this.#env = env;
    this.#limits = limits;
    this.#names = new ClientNames(env, limits);
    this.#undoing = new Undoing(this.#sessions, copyOf);
  }

  /** Begins a batch that may be undone. */
  mark(): void {
    this.#undoing.mark();
    this.#names.mark();
  }

  /** Goes back to the last {@linkcode mark}. */
  undo(): void {
    this.#undoing.undo();
    this.#idlest.reset();
    this.#names.undo();
  }

  /** The batch stands. */
  settle(): void {
    this.#undoing.settle();
    this.#names.settle();
  }

  get sessions(): number {
    return this.#sessions.size;
  }

  get names(): number {
    return this.#names.size;
  }

  /** Whether a client has this session open. */
  hasSession(client: ClientId, session: number): boolean {
    return this.#sessions.has(sessionKey(client, session));
  }

  /**
   * The final answer to a request, if there is one: its stored results, or a refusal that can never change. Such a
   * request need not be ordered, however often it comes and from wherever. If it were ordered, relayed copies of old
   * requests would be ordered for ever. `null`: only execution can tell.
   */
  lookup(request: ClientRequest, digest: Digest, executed: SequenceNumber): readonly Result[] | null {
    if (request.session === 0) {
      const session = this.#sessions.openedBy(request.client, request.timestamp);
      return session && [opened(session)];
    }
    const session = this.#sessions.get(sessionKey(request.client, request.session));
    // A session's id is the sequence number that opened it, so no session with this id can be opened any more.
    if (!session) return request.session <= executed ? refuse(request, "unknown-session", UNORDERED) : null;
    const stored = session.replies.get(request.timestamp);
    if (stored) return stored.digest === digest ? stored.results : refuseReused(request, stored);
    return request.timestamp < session.lowestUnanswered ? refuse(request, "stale-timestamp", UNORDERED) : null;
  }

  /** Executes a signed request once by calling `run`, or answers it from memory, or refuses it. */
  execute(request: ClientRequest, digest: Digest, at: Moment, run: () => readonly Result[]): readonly Result[] {
    if (request.session === 0) return [this.#open(request, at)];
    const session = this.#sessions.get(sessionKey(request.client, request.session));
    if (!session) return refuse(request, "unknown-session", UNORDERED);
    this.#undoing.touch(keyOf(session));
    this.#changed.touch(keyOf(session));
    this.#acknowledge(session, request);
    session.lastUsed = at.timestamp;
    const stored = session.replies.get(request.timestamp);
    if (stored) return stored.digest === digest ? stored.results : refuseReused(request, stored);
    if (request.timestamp < session.lowestUnanswered) return refuse(request, "stale-timestamp", UNORDERED);
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

  /**
   * The final answer to a gateway request, as in {@linkcode lookup}. An expired request can be executed in no later
   * batch.
   */
  lookupAll({ operations, notAfter }: GatewayRequest, agreedTime: Millis): readonly Result[] | null {
    const isExpired = notAfter < agreedTime;
    const results: Result[] = [];
    for (const operation of operations) {
      const result = this.lookupNamed(operation, isExpired ? null : notAfter) ??
        (isExpired ? refusal("expired", UNORDERED) : null);
      if (!result) return null;
      results.push(result);
    }
    return results;
  }

  /** As {@linkcode ClientNames.highestOf}. */
  highestOf(name: string): number {
    return this.#names.highestOf(name);
  }

  /** As {@linkcode ClientNames.lookup}. */
  lookupNamed(operation: GatewayOperation, notAfter: Millis | null = null): Result | null {
    return this.#names.lookup(operation, notAfter);
  }

  /** As {@linkcode ClientNames.execute}. */
  executeNamed(operation: GatewayOperation, at: Moment, run: () => Result): Result {
    return this.#names.execute(operation, at, run);
  }

  /** The chunks of the table that changed since the last call, also those frozen and not given yet, as they are now. */
  takeChanges(): readonly ChunkChange[] {
    const sessions = this.#changed.take().map((key): ChunkChange => this.#chunkOf([key, this.#sessions.get(key)]));
    return [...this.#names.takeChanges(), ...sessions];
  }

  /** Takes the changes, to give the chunks later one by one, as they are now, while requests are executed. */
  freeze(): void {
    this.#names.freeze();
    this.#changed.freeze();
  }

  /** How many frozen chunks were not given yet. */
  get frozen(): number {
    return this.#names.frozen + this.#changed.frozen;
  }

  /** The next frozen chunk; `null` if all were given. */
  nextFrozen(): ChunkChange | null {
    const next = this.#names.nextFrozen();
    if (next) return next;
    const session = this.#changed.next();
    return session && this.#chunkOf(session);
  }

  /** Applies stored chunks, after a restart or a state transfer. */
  restore(changes: Iterable<ChunkChange>): void {
    this.#idlest.reset();
    for (const change of changes) {
      const [id, chunk] = change;
      if (id.startsWith("n")) {
        this.#names.restore(change);
        continue;
      }
      this.#changed.forget(id.slice(1));
      if (chunk === null) this.#sessions.delete(id.slice(1));
      else this.#restoreSession(this.#env.unpack(chunk));
    }
  }

  /**
   * Opens a session. The nonce makes this idempotent. Only sessions idle for `sessionIdleMs` are evicted, so a flood
   * evicts no active client.
   */
  #open(request: ClientRequest, at: Moment): Result {
    const before = this.#sessions.openedBy(request.client, request.timestamp);
    if (before) return opened(before);
    const { maxSessions, sessionIdleMs } = this.#limits;
    const taken = this.#sessions.has(sessionKey(request.client, at.sequence)); // one opening per client and batch
    const room = { max: maxSessions, idleMs: sessionIdleMs, now: at.timestamp };
    if (
      taken || !makeRoom(this.#sessions, this.#idlest, room, (evicted) => {
        this.#undoing.removed(keyOf(evicted), evicted);
        this.#changed.removed(keyOf(evicted), evicted);
      })
    ) {
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
    this.#undoing.touch(keyOf(session));
    this.#changed.touch(keyOf(session));
    this.#sessions.set(keyOf(session), session);
    return opened(session);
  }

  #acknowledge(session: Session, request: ClientRequest): void {
    const lowest = Math.min(request.lowestUnanswered, request.timestamp);
    if (lowest <= session.lowestUnanswered) return;
    session.lowestUnanswered = lowest;
    for (const timestamp of [...session.replies.keys()]) if (timestamp < lowest) session.replies.delete(timestamp);
  }

  #chunkOf([key, s]: readonly [string, Session | undefined]): ChunkChange {
    const { pack } = this.#env;
    return [
      `s${key}`,
      s ? pack([s.client, s.id, s.nonce, s.lowestUnanswered, s.lastUsed, encodeReplies(s.replies)]) : null,
    ];
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
}

function opened(session: Session): Result {
  return { sequence: session.id as SequenceNumber, status: "ok", value: utf8(String(session.id)) };
}

function copyOf(session: Session): Session {
  return { ...session, replies: new Map(session.replies) };
}

function copied(session: Session | undefined): Session | undefined {
  return session && copyOf(session);
}
