/**
 * How a store lies in a Deno KV database, and how much of it goes into one atomic operation. Keys, under the store's prefix:
 *
 * | key | value |
 * | --- | --- |
 * | `a`, `head` | the version, who wrote it, and the plan that is still to be carried out |
 * | `a`, `large`, kind, name | a {@linkcode Pointer}: this value is in pieces |
 * | `a`, `mark`, generation | a large commit that is being prepared, or carried out |
 * | `a`, `record`, name | a record's bytes, or a pointer |
 * | `blob`, digest | a blob's bytes, or a pointer |
 * | `piece`, generation, i | a part of a large value |
 * | `plan`, generation, i | a part of the changes of a commit that is too large for one operation |
 *
 * All of `a` is read at a start, in as few round trips as there are batches.
 * @module
 */
import type { KvKey } from "./_kv_port.ts";

/** The database's limits (65,536 B a value, 819,200 B and 1,000 mutations an operation) with room for what surrounds ours. */
export const MAX_VALUE_BYTES = 56_000;
const MAX_OPERATION_BYTES = 700_000;
const MAX_OPERATION_MUTATIONS = 900;
/** A plan's parts are values themselves, and each is carried out in one operation. */
const MAX_PLAN_MUTATIONS = 400;
const MAX_PLAN_BYTES = 60_000;
/** What a mutation takes beside its key's texts and its value, at most. */
const MUTATION_OVERHEAD_BYTES = 96;

/** What a {@linkcode Pointer} takes, at most. */
const POINTER_BYTES = 160;

/** Records and blobs have names of their own. */
export type Kind = "record" | "blob";

/** Where the pieces of a large value are. */
export interface Pointer {
  readonly generation: string;
  readonly from: number;
  readonly count: number;
}

/** One change of a key; `null` removes it. */
export type Mutation = readonly [key: KvKey, value: unknown];

/** The one key that every commit changes. */
export interface Head {
  readonly version: number;
  /** Names the commit, so that whoever does not know whether its own went through can tell. */
  readonly by: string;
  /** The commit counts already, but not all its changes are in place: they are in so many parts of a plan. */
  readonly plan?: { readonly generation: string; readonly parts: number };
}

/** Says what a generation's pieces and plan are good for. */
export interface Mark {
  /** At which version they are to be committed. */
  readonly expected: number;
  /** The commit has happened: its pieces are in use. */
  readonly committed: boolean;
}

/** The keys of one store. */
export class Layout {
  readonly #prefix: KvKey;

  constructor(prefix: KvKey) {
    this.#prefix = prefix;
  }

  /** What is read at a start. */
  get start(): KvKey {
    return [...this.#prefix, "a"];
  }

  get head(): KvKey {
    return [...this.start, "head"];
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

  /** The prefixes under which a generation's own keys are. */
  ofGeneration(generation: string): { readonly pieces: KvKey; readonly plan: KvKey } {
    return { pieces: [...this.#prefix, "piece", generation], plan: [...this.#prefix, "plan", generation] };
  }

  /** What a key under {@linkcode Layout.start} is: its kind, and the names that follow. */
  namesOf(key: readonly unknown[]): readonly [kind: string, ...names: string[]] {
    return key.slice(this.start.length) as [string, ...string[]];
  }
}

/** Whether all of it may go into one operation, with the head and a mark. */
export function fitsOneOperation(mutations: readonly Mutation[]): boolean {
  return operations(mutations).length <= 1;
}

/** Cuts changes into operations that are within the limits. */
export function operations(mutations: readonly Mutation[]): readonly (readonly Mutation[])[] {
  return groups(mutations, MAX_OPERATION_MUTATIONS, MAX_OPERATION_BYTES);
}

/** Cuts changes into parts of a plan: each is within the limit of a value. */
export function planParts(mutations: readonly Mutation[]): readonly (readonly Mutation[])[] {
  return groups(mutations, MAX_PLAN_MUTATIONS, MAX_PLAN_BYTES);
}

function groups(mutations: readonly Mutation[], maxCount: number, maxBytes: number): readonly (readonly Mutation[])[] {
  const result: Mutation[][] = [];
  let bytes = Infinity;
  for (const mutation of mutations) {
    const size = bytesOf(mutation);
    if (bytes + size > maxBytes || result.at(-1)!.length === maxCount) {
      result.push([]);
      bytes = 0;
    }
    bytes += size;
    result.at(-1)!.push(mutation);
  }
  return result;
}

function bytesOf([key, value]: Mutation): number {
  // UTF-16 units, three bytes each at most, and zero bytes are escaped.
  const names = key.reduce<number>((sum, part) => sum + 2 + (typeof part === "string" ? 3 * part.length : 9), 0);
  return MUTATION_OVERHEAD_BYTES + names + valueBytes(value);
}

function valueBytes(value: unknown): number {
  if (value instanceof Uint8Array) return value.length;
  // A part of a plan.
  if (Array.isArray(value)) return (value as readonly Mutation[]).reduce((sum, mutation) => sum + bytesOf(mutation), 0);
  return value === null ? 0 : POINTER_BYTES;
}
