/**
 * How a store lies in a Deno KV database, and how much of it goes into one atomic operation. Keys, under the store's prefix:
 *
 * | key | value |
 * | --- | --- |
 * | `a`, `head` | the version, who wrote it, and the plan that is still to be carried out |
 * | `a`, `rival` | changes when an instance meets another one; every commit of one that knows of no other checks it |
 * | `a`, `large`, kind, name | a {@linkcode Pointer}: this value is in pieces |
 * | `a`, `mark`, generation | a large commit that is being prepared, or carried out |
 * | `a`, `record`, name | a record's bytes, or a pointer |
 * | `blob`, digest | a blob's bytes, or a pointer |
 * | `piece`, generation, i | a part of a large value |
 * | `plan`, generation, i | a part of the changes of a commit that is too large for one operation |
 * | `change`, version | what that commit changed, while several instances are at work |
 *
 * All of `a` is read at a start, in as few round trips as there are batches.
 * @module
 */
import { StoreLimitError } from "../../node/ports.ts";
import type { KvKey } from "./port.ts";
import { DENO_KV_LIMITS, kvKeyBytes } from "../platform_limits.ts";

/** A value over this is kept in pieces of it. */
export const MAX_VALUE_BYTES = 56_000;
/** What a mutation takes in a part of a plan beside its key's texts and its value, at most. */
const PLAN_OVERHEAD_BYTES = 96;
/** What a {@linkcode Pointer} takes, at most. */
const POINTER_BYTES = 160;

/** How much goes into one atomic operation, or into one value of a plan. */
interface Budget {
  readonly mutations: number;
  /** Of all, as the database counts them. */
  readonly bytes: number;
  /** Of the keys alone. */
  readonly keyBytes: number;
}

/** The database's limits, less room for what an operation has beside: the head, a mark, and a check of each. */
const OPERATION: Budget = {
  mutations: DENO_KV_LIMITS.maxMutations - 10,
  bytes: DENO_KV_LIMITS.maxOperationBytes - 20_000,
  keyBytes: DENO_KV_LIMITS.maxSetKeyBytes - 10_000,
};
/** A plan's parts are values themselves, and each is carried out in one operation. */
const PLAN_PART: Budget = { mutations: 400, bytes: 60_000, keyBytes: 60_000 };

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

/** Cuts changes into operations that are within the limits. @throws {StoreLimitError} if a key is too long for any. */
export function operations(mutations: readonly Mutation[]): readonly (readonly Mutation[])[] {
  return groups(mutations, OPERATION, bytesOf);
}

/** Cuts changes into parts of a plan: each is within the limit of a value. */
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
  throw new StoreLimitError(`a key of ${bytes} bytes, expected ${DENO_KV_LIMITS.maxKeyBytes} at most`);
}

/** What is set counts with its key twice. */
function bytesOf(ofKey: number, [, value]: Mutation): number {
  return value === null ? ofKey : 2 * ofKey + valueBytes(value);
}

/** In a value, a text of which one character needs two bytes takes two for each. */
function bytesInPlan(ofKey: number, [, value]: Mutation): number {
  return PLAN_OVERHEAD_BYTES + 2 * ofKey + (value === null ? 0 : valueBytes(value));
}

function valueBytes(value: unknown): number {
  if (value instanceof Uint8Array) return value.length;
  if (!Array.isArray(value)) return POINTER_BYTES;
  // A part of a plan.
  return (value as readonly Mutation[]).reduce((sum, part) => sum + bytesInPlan(kvKeyBytes(part[0]), part), 0);
}
