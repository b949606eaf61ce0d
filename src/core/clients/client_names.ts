/**
 * The names of unsigned clients: their half of the client table.
 *
 * A gateway request runs once. Let P be the agreed time of the batch before the one in which it is executed, and T >= P that of its own
 * batch. It runs only if P <= `notAfter` <= P + `nameIdleMs` (T + `nameIdleMs`, if it is the first), and its name is last used at T then. The name
 * goes only where P' > T + `nameIdleMs` >= `notAfter`, and P' never falls: there and later the request has expired. So has one that was answered from memory, as
 * that is the last word only if it expires before its name can go; else it is ordered, which uses the name again.
 *
 * @module
 */
import type { Limits } from "../config.ts";
import type { Millis } from "../messages/ids.ts";
import type { Environment, Plain } from "../io.ts";
import type { Result, VouchedOperation } from "../messages/messages.ts";
import { makeRoom, type Moment } from "./client_room.ts";
import { NEVER, refusal } from "./refusals.ts";
import type { ChunkChange } from "../tree/state_tree.ts";
import { decodeReplies, encodeReplies, storedBytes, type StoredReply, storedReply } from "./stored_replies.ts";

interface Name {
  readonly name: string;
  lastUsed: Millis;
  /** Timestamps up to this one are no longer remembered one by one, and refused. */
  floor: number;
  readonly replies: Map<number, StoredReply>;
}

/** Bytes of stored results per name, beyond which its oldest go. */
const MAX_REPLY_BYTES = 16 * 1024;

/** The names that are remembered. */
export class ClientNames {
  readonly #env: Pick<Environment, "hash" | "pack" | "unpack">;
  readonly #limits: Limits;
  readonly #names = new Map<string, Name>();
  /** Those that changed since the last checkpoint. */
  readonly #dirty = new Set<string>();

  constructor(env: Pick<Environment, "hash" | "pack" | "unpack">, limits: Limits) {
    this.#env = env;
    this.#limits = limits;
  }

  get size(): number {
    return this.#names.size;
  }

  /** The highest timestamp that a name is known to have used; -1: none. */
  highestOf(name: string): number {
    const known = this.#names.get(name);
    return known ? Math.max(known.floor, ...known.replies.keys()) : -1;
  }

  /**
   * What an operation is answered from memory: its stored result, or a refusal. `notAfter`: only if its name is remembered until its
   * request expires, so that this is the last word; `null`: whatever is remembered.
   */
  lookup({ name, timestamp, operation }: VouchedOperation, notAfter: Millis | null): Result | null {
    const known = this.#names.get(name);
    if (known && notAfter !== null && notAfter > known.lastUsed + this.#limits.nameIdleMs) return null;
    const stored = known?.replies.get(timestamp);
    if (stored) {
      const first = stored.results[0]!;
      return stored.digest === this.#env.hash(operation) ? first : refusal("timestamp-reused", first.sequence);
    }
    return known && timestamp <= known.floor ? refusal("stale-timestamp", NEVER) : null;
  }

  /** Executes an operation once, by `run`, or answers from memory, or refuses. */
  execute(operation: VouchedOperation, at: Moment, run: () => Result): Result {
    const known = this.#names.get(operation.name);
    const remembered = this.lookup(operation, null);
    if (known && remembered) this.#use(known, at);
    if (remembered) return remembered;
    if (!known && !this.#hasRoom(at)) return refusal("too-many-clients", at.sequence);
    const name = known ?? { name: operation.name, lastUsed: at.timestamp, floor: -1, replies: new Map() };
    this.#names.set(operation.name, name);
    const result = run();
    name.replies.set(operation.timestamp, storedReply(this.#env.hash(operation.operation), [result]));
    this.#use(name, at);
    this.#forgetOldest(name);
    return result;
  }

  /** The chunks that changed since the last call, by ascending id. */
  takeChanges(): readonly ChunkChange[] {
    const changes = [...this.#dirty].sort().map((name): ChunkChange => [chunkOf(name), this.#encode(name)]);
    this.#dirty.clear();
    return changes;
  }

  /** Puts a chunk in place. */
  restore([id, chunk]: ChunkChange): void {
    const key = id.slice(1);
    this.#dirty.delete(key);
    if (chunk === null) return void this.#names.delete(key);
    const [name, lastUsed, floor, replies] = this.#env.unpack(chunk) as [string, Millis, number, Plain];
    this.#names.set(name, { name, lastUsed, floor: floor - 1, replies: decodeReplies(replies) });
  }

  /** A name goes only after `nameIdleMs`: at that very time a request for it may still be valid. */
  #hasRoom({ timestamp, before = timestamp + 1 }: Moment): boolean {
    const { maxNames, nameIdleMs } = this.#limits;
    return makeRoom(
      this.#names,
      { max: maxNames, idleMs: nameIdleMs, now: before - 1 },
      ({ name }) => this.#dirty.add(name),
    );
  }

  #use(name: Name, { timestamp }: Moment): void {
    name.lastUsed = timestamp;
    this.#dirty.add(name.name);
  }

  #forgetOldest(name: Name): void {
    while (
      name.replies.size > this.#limits.sessionWindow ||
      (name.replies.size > 1 && storedBytes(name.replies) > MAX_REPLY_BYTES)
    ) {
      const oldest = Math.min(...name.replies.keys());
      name.replies.delete(oldest);
      name.floor = Math.max(name.floor, oldest);
    }
  }

  #encode(key: string): Uint8Array | null {
    const n = this.#names.get(key);
    return n ? this.#env.pack([n.name, n.lastUsed, n.floor + 1, encodeReplies(n.replies)]) : null;
  }
}

function chunkOf(name: string): string {
  return `n${name}`;
}
