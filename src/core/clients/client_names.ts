/**
 * The names of unsigned clients, with the replies stored for each: one half of the client table.
 *
 * A gateway request is executed at most once. The argument: let P be the agreed time of the batch before the one that
 * executes the request, and T >= P the agreed time of its own batch.
 *
 * - The request is executed only if P <= `notAfter` <= P + `nameIdleMs` (for the first batch of all: T + `nameIdleMs`).
 *   The name then counts as last used at T.
 * - The name is evicted only in a batch with P' > T + `nameIdleMs` >= `notAfter`. P' never falls, so in that batch and
 *   in all later ones the request has expired.
 * - An answer from memory is final only if the request expires before its name can be evicted. Otherwise the request is
 *   ordered again, which counts as a use of the name.
 *
 * @module
 */
import type { Limits } from "../config.ts";
import type { Millis } from "../messages/ids.ts";
import type { Environment, Plain } from "../io.ts";
import type { GatewayOperation, Result } from "../messages/messages.ts";
import { Idlest, makeRoom, type Moment } from "./client_room.ts";
import { refusal, UNORDERED } from "./refusals.ts";
import type { ChunkChange } from "../tree/state_tree.ts";
import { decodeReplies, encodeReplies, storedBytes, type StoredReply, storedReply } from "./stored_replies.ts";
import { ChangedKeys } from "../tree/changed_keys.ts";
import { Undoing } from "./undoing.ts";

interface Name {
  readonly name: string;
  lastUsed: Millis;
  /** All timestamps up to this one are refused: their replies are no longer stored. -1: none. */
  floor: number;
  readonly replies: Map<number, StoredReply>;
}

/** The most bytes of stored results per name; beyond this the oldest replies are dropped. */
const MAX_REPLY_BYTES = 16 * 1024;

/** The table of names. */
export class ClientNames {
  readonly #env: Pick<Environment, "hash" | "pack" | "unpack">;
  readonly #limits: Limits;
  readonly #names = new Map<string, Name>();
  /** Names that changed since the last checkpoint. */
  readonly #changed = new ChangedKeys<Name | undefined>((name) => copied(this.#names.get(name)));
  readonly #idlest = new Idlest(this.#names);
  readonly #undoing: Undoing<Name>;

  constructor(env: Pick<Environment, "hash" | "pack" | "unpack">, limits: Limits) {
    this.#env = env;
    this.#limits = limits;
    this.#undoing = new Undoing(this.#names, copyOf);
  }

  /** As `ClientTable.mark`. */
  mark(): void {
    this.#undoing.mark();
  }

  /** As `ClientTable.undo`. */
  undo(): void {
    this.#undoing.undo();
    this.#idlest.reset();
  }

  /** As `ClientTable.settle`. */
  settle(): void {
    this.#undoing.settle();
  }

  get size(): number {
    return this.#names.size;
  }

  /** The highest timestamp that a name is known to have used; -1 if none is known. */
  highestOf(name: string): number {
    const known = this.#names.get(name);
    return known ? Math.max(known.floor, ...known.replies.keys()) : -1;
  }

  /**
   * Answers an operation from memory: its stored result, a refusal, or `null` if memory has no answer. With a
   * `notAfter`, answers only if the name is remembered until the request expires, so that the answer is final.
   */
  lookup({ name, timestamp, operation }: GatewayOperation, notAfter: Millis | null): Result | null {
    const known = this.#names.get(name);
    if (known && notAfter !== null && notAfter > known.lastUsed + this.#limits.nameIdleMs) return null;
    const stored = known?.replies.get(timestamp);
    if (stored) {
      const first = stored.results[0]!;
      return stored.digest === this.#env.hash(operation) ? first : refusal("timestamp-reused", first.sequence);
    }
    return known && timestamp <= known.floor ? refusal("stale-timestamp", UNORDERED) : null;
  }

  /** Executes an operation once by calling `run`, or answers it from memory, or refuses it. */
  execute(operation: GatewayOperation, at: Moment, run: () => Result): Result {
    this.#undoing.touch(operation.name);
    const known = this.#names.get(operation.name);
    const remembered = this.lookup(operation, null);
    if (known) this.#changed.touch(known.name);
    if (known && remembered) known.lastUsed = at.timestamp;
    if (remembered) return remembered;
    if (!known && !this.#hasRoom(at)) return refusal("too-many-clients", at.sequence);
    const name = known ?? { name: operation.name, lastUsed: at.timestamp, floor: -1, replies: new Map() };
    this.#changed.touch(name.name);
    this.#names.set(operation.name, name);
    const result = run();
    name.replies.set(operation.timestamp, storedReply(this.#env.hash(operation.operation), [result]));
    name.lastUsed = at.timestamp;
    this.#forgetOldest(name);
    return result;
  }

  /** The chunks that changed since the last call, by ascending id. */
  takeChanges(): readonly ChunkChange[] {
    return this.#changed.take().map((name): ChunkChange => this.#chunkOf([name, this.#names.get(name)]));
  }

  /** As {@linkcode ChangedKeys.freeze}. */
  freeze(): void {
    this.#changed.freeze();
  }

  /** How many frozen chunks were not given yet. */
  get frozen(): number {
    return this.#changed.frozen;
  }

  /** The next frozen chunk; `null` if all were given. */
  nextFrozen(): ChunkChange | null {
    const next = this.#changed.next();
    return next && this.#chunkOf(next);
  }

  /** Applies one stored chunk; `null` removes the name. */
  restore([id, chunk]: ChunkChange): void {
    const key = id.slice(1);
    this.#changed.forget(key);
    this.#idlest.reset();
    if (chunk === null) return void this.#names.delete(key);
    const [name, lastUsed, floor, replies] = this.#env.unpack(chunk) as [string, Millis, number, Plain];
    this.#names.set(name, { name, lastUsed, floor: floor - 1, replies: decodeReplies(replies) });
  }

  /**
   * Makes room for a new name. A name is evicted only when more than `nameIdleMs` has passed: at exactly `nameIdleMs` a
   * request for it may still be valid.
   */
  #hasRoom({ timestamp, before = timestamp + 1 }: Moment): boolean {
    const { maxNames, nameIdleMs } = this.#limits;
    return makeRoom(
      this.#names,
      this.#idlest,
      { max: maxNames, idleMs: nameIdleMs, now: before - 1 },
      (evicted) => {
        this.#undoing.removed(evicted.name, evicted);
        this.#changed.removed(evicted.name, evicted);
      },
    );
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

  #chunkOf([key, n]: readonly [string, Name | undefined]): ChunkChange {
    return [`n${key}`, n ? this.#env.pack([n.name, n.lastUsed, n.floor + 1, encodeReplies(n.replies)]) : null];
  }
}

function copyOf(name: Name): Name {
  return { ...name, replies: new Map(name.replies) };
}

function copied(name: Name | undefined): Name | undefined {
  return name && copyOf(name);
}
