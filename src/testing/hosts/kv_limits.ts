/**
 * Deno KV's limits, as Deno enforces them, for stand-ins of its databases.
 * @module
 */
import type { KvKey } from "../../stores/deno_kv.ts";
import { DENO_KV_LIMITS, kvKeyBytes } from "../../stores/platform_limits.ts";

/** The size of one atomic operation. */
export class KvOperation {
  #mutations = 0;
  #checks = 0;
  #setKeyBytes = 0;
  #bytes = 0;

  check(key: KvKey): void {
    this.#checks++;
    this.#bytes += kvKeyBytes(key);
  }

  /** `value`: the value to set; left out: the key is removed. */
  mutate(key: KvKey, value?: unknown): void {
    this.#mutations++;
    const keyBytes = kvKeyBytes(key);
    this.#bytes += keyBytes;
    atMost("Key", keyBytes, DENO_KV_LIMITS.maxKeyBytes);
    if (value === undefined) return;
    const valueBytes = kvValueBytes(value);
    atMost("Value", valueBytes, DENO_KV_LIMITS.maxValueBytes);
    this.#setKeyBytes += keyBytes;
    this.#bytes += keyBytes + valueBytes;
  }

  /** @throws {TypeError} as Deno does, if the operation exceeds a limit. */
  assertWithinLimits(): void {
    atMost("Mutations", this.#mutations, DENO_KV_LIMITS.maxMutations);
    atMost("Checks", this.#checks, DENO_KV_LIMITS.maxChecks);
    atMost("Total key size", this.#setKeyBytes, DENO_KV_LIMITS.maxSetKeyBytes);
    atMost("Total mutation size", this.#bytes, DENO_KV_LIMITS.maxOperationBytes);
  }
}

/** The stored size of a value, or slightly more. Bytes are stored as they are, everything else as V8 serializes it. */
export function kvValueBytes(value: unknown): number {
  return value instanceof Uint8Array ? value.length : 4 + serializedBytes(value);
}

function serializedBytes(value: unknown): number {
  if (value instanceof Uint8Array) return value.length + 16;
  if (typeof value === "string") return 6 + (/^[\0-\xff]*$/.test(value) ? 1 : 2) * value.length;
  if (typeof value !== "object" || value === null) return 9;
  return Object.entries(value).reduce((sum, [name, part]) => {
    return sum + (Array.isArray(value) ? 3 : serializedBytes(name)) + serializedBytes(part);
  }, 12);
}

function atMost(what: string, got: number, max: number): void {
  if (got > max) throw new TypeError(`${what} too large (max ${max}): ${got}`);
}
