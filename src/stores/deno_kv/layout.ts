/**
 * The keys of a store in a Deno KV database, and how much fits in one atomic operation. Keys, after the store's prefix:
 *
 * | key | value |
 * | --- | --- |
 * | `a`, `head` | the version, the commit that wrote it, and the plan that is still to be carried out |
 * | `a`, `rival` | changed by an instance that meets another one. An instance that believes it is alone checks it with every commit |
 * | `a`, `large`, kind, name | a {@linkcode Pointer}: this value is stored in pieces |
 * | `a`, `mark`, generation | a large commit that is being prepared or carried out |
 * | `a`, `record`, name | a record's bytes, or a pointer |
 * | `blob`, digest | a blob's bytes, or a pointer |
 * | `piece`, generation, i | a part of a large value |
 * | `plan`, generation, i | a part of the changes of a commit that is too large for one operation |
 * | `change`, version | the changes of that commit, written while several instances are at work |
 *
 * A start reads everything under `a`, with one round trip per batch.
 * @module
 */
import { StoreLimitError } from "../../node/ports.ts";
import type { KvKey } from "./port.ts";
import { DENO_KV_LIMITS, kvKeyBytes } from "../platform_limits.ts";

/** The size of a piece, bytes. A larger value is stored in pieces. */
export const MAX_VALUE_BYTES = 56_000;
/** The most bytes that a mutation takes in a part of a plan beside the texts of its key and its value. */
const PLAN_OVERHEAD_BYTES = 96;
/** The most bytes that a {@linkcode Pointer} takes. */
const POINTER_BYTES = 160;

/** The most that goes into one atomic operation, or into one part of a plan. */
interface Budget {
  readonly mutations: number;
  /** Bytes of all mutations, as the database counts them. */
  readonly bytes: number;
  /** Bytes of the keys alone. */
  readonly keyBytes: number;
}

/** The database's limits, minus room for the head, a mark, and a check of each. */
const OPERATION: Budget = {
  mutations: DENO_KV_LIMITS.maxMutations - 10,
  bytes: DENO_KV_LIMITS.maxOperationBytes - 20_000,
  keyBytes: DENO_KV_LIMITS.maxSetKeyBytes - 10_000,
};
/** A part of a plan is itself a value, and its changes are made in one operation. */
const PLAN_PART: Budget = { mutations: 400, bytes: 60_000, keyBytes: 60_000 };

/** Records and blobs have separate names. */
export type Kind = "record" | "blob";

/** The place of the pieces of a large value. */
export interface Pointer {
  readonly generation: string;
  readonly from: number;
  readonly count: number;
}

/** A change of one key. `null` removes it. */
export type Mutation = readonly [key: KvKey, value: unknown];

/** The one key that every commit changes. */
export interface Head {
  readonly version: number;
  /** A unique name of the commit. With it an instance that got no answer can find out whether its commit succeeded. */
  readonly by: string;
  /** The parts of a plan. The commit has taken effect, but these changes are still to be made. */
  readonly plan?: { readonly generation: string; readonly parts: number };
}

/** The state of a large commit, which owns the pieces and the plan of one generation. */
export interface Mark {
  /** The version at which it is to be committed. */
  readonly expected: number;
  /** Whether it was committed. Then its pieces are in use. */
  readonly committed: boolean;
}

/** The keys of one store. */
export class Layout {
  readonly #prefix: KvKey;

  constructor(prefix: KvKey) {
    this.#prefix = prefix;
  }

  /** The prefix of everything that a start reads. */
  get start(): KvKey {
    return [...this.#prefix, "a"];
  }

  get head(): KvKey {
    return [...this.start, "head"];
  }

  get rival(): KvKey {
    return [...this.start, "rival"];
  }

  mark(generation: string): KvKey {
    return [...this.start, "mark", generation];
  }

  large(kind: Kind, name: string): KvKey {
    return [...this.start, "large", kind, name];
  }

  value(kind: Kind, name: string): KvKey {
    return kind === "record" ? [...this.start, kind, name] : [...this.#prefix, kind, name];
  }

  piece(generation: string, index: number): KvKey {
    return [...this.#prefix, "piece", generation, index];
  }

  plan(generation: string, part: number): KvKey {
    return [...this.#prefix, "plan", generation, part];
  }

  /** The prefix of {@linkcode Layout.change}. */
  get changes(): KvKey {
    return [...this.#prefix, "change"];
  }

  change(version: number): KvKey {
    return [...this.changes, version];
  }

  /** The prefixes of a generation's own keys. */
  ofGeneration(generation: string): { readonly pieces: KvKey; readonly plan: KvKey } {
    return { pieces: [...this.#prefix, "piece", generation], plan: [...this.#prefix, "plan", generation] };
  }

  /** The parts of a key under {@linkcode Layout.start}: its kind and the names that follow. */
  namesOf(key: readonly unknown[]): readonly [kind: string, ...names: string[]] {
    return key.slice(this.start.length) as [string, ...string[]];
  }
}

/** Whether all of these changes fit in one operation, together with the head and a mark. */
export function fitsOneOperation(mutations: readonly Mutation[]): boolean {
  return operations(mutations).length <= 1;
}

/** Splits changes into operations within the limits. @throws {StoreLimitError} if a key is too long for any operation. */
export function operations(mutations: readonly Mutation[]): readonly (readonly Mutation[])[] {
  return groups(mutations, OPERATION, bytesOf);
}

/** Splits changes into parts of a plan. Each part fits in one value. */
export function planParts(mutations: readonly Mutation[]): readonly (readonly Mutation[])[] {
  return groups(mutations, PLAN_PART, bytesInPlan);
}

function groups(
  mutations: readonly Mutation[],
  budget: Budget,
  sizeOf: typeof bytesOf,
): readonly (readonly Mutation[])[] {
  const result: Mutation[][] = [];
  let bytes = Infinity;
  let keyBytes = 0;
  for (const mutation of mutations) {
    const ofKey = checkedKeyBytes(mutation[0]);
    const size = sizeOf(ofKey, mutation);
    const isFull = bytes + size > budget.bytes || keyBytes + ofKey > budget.keyBytes;
    if (isFull || result.at(-1)!.length === budget.mutations) {
      result.push([]);
      bytes = keyBytes = 0;
    }
    bytes += size;
    keyBytes += ofKey;
    result.at(-1)!.push(mutation);
  }
  return result;
}

function checkedKeyBytes(key: KvKey): number {
  const bytes = kvKeyBytes(key);
  if (bytes <= DENO_KV_LIMITS.maxKeyBytes) return bytes;
  throw new StoreLimitError(`key: expected at most ${DENO_KV_LIMITS.maxKeyBytes} bytes, got ${bytes}`);
}

/** The key of a value that is set counts twice. */
function bytesOf(ofKey: number, [, value]: Mutation): number {
  return value === null ? ofKey : 2 * ofKey + valueBytes(value);
}

/** In a value, a text with one character of two bytes takes two bytes for every character. */
function bytesInPlan(ofKey: number, [, value]: Mutation): number {
  return PLAN_OVERHEAD_BYTES + 2 * ofKey + (value === null ? 0 : valueBytes(value));
}

function valueBytes(value: unknown): number {
  if (value instanceof Uint8Array) return value.length;
  if (!Array.isArray(value)) return POINTER_BYTES;
  // The value is a part of a plan.
  return (value as readonly Mutation[]).reduce((sum, part) => sum + bytesInPlan(kvKeyBytes(part[0]), part), 0);
}
