/**
 * What the platforms allow, in one table. The stores split what they write below these limits, the simulator and the tests' doubles
 * enforce them, and `tests/stores/platform_limits_test.ts` holds the Deno KV column against the database itself.
 * @module
 */

/**
 * Deno KV, on Deno Deploy and locally: <https://docs.deno.com/deploy/kv/> and the errors of Deno 2.9. A key counts as it is encoded: two
 * bytes more than a text's UTF-8 (one more for each zero byte), nine bytes for a number.
 */
export const DENO_KV_LIMITS = {
  /** Bytes of a key that is written. One that is read may have one byte more. */
  maxKeyBytes: 2_048,
  /** Bytes of a value; of one that is not bytes, in V8's serialization. */
  maxValueBytes: 65_536,
  /** Changes of one atomic operation. */
  maxMutations: 1_000,
  /** Bytes of the keys that one atomic operation sets. Those that it removes don't count. */
  maxSetKeyBytes: 81_920,
  /** Bytes of one atomic operation: the keys of its checks and changes, and for what is set the key again and the value. */
  maxOperationBytes: 819_200,
  /** Checks of one atomic operation. */
  maxChecks: 100,
  /** Keys of one `getMany`. */
  maxReadKeys: 10,
  /** Entries of one batch of a `list`. */
  maxListBatch: 1_000,
} as const;

/**
 * A Durable Object with SQLite storage, <https://developers.cloudflare.com/durable-objects/platform/limits/> (October 2026), and what
 * one invocation may do, <https://developers.cloudflare.com/workers/platform/limits/>.
 */
export const DURABLE_OBJECT_LIMITS = {
  /** Bytes of a text, a BLOB or a row. */
  maxRowBytes: 2_000_000,
  /** Bytes of one SQL statement. */
  maxStatementBytes: 100_000,
  /** Bound parameters of one statement. */
  maxBoundParameters: 100,
  /** Columns of a table. */
  maxColumns: 100,
  /** Requests that wait for their answer's headers at once; more are queued by the platform. */
  maxConnections: 6,
  /** Outgoing requests of one invocation on the free plan; 10,000 on the paid one. */
  maxSubrequests: 50,
  /** Bytes of one variable or secret. */
  maxVariableBytes: 5_000,
} as const;

/** Bytes that a key takes in Deno KV. */
export function kvKeyBytes(key: readonly (string | number)[]): number {
  return key.reduce<number>((sum, part) => sum + (typeof part === "string" ? 2 + escapedBytes(part) : 9), 0);
}

function escapedBytes(text: string): number {
  // deno-lint-ignore no-control-regex -- zero bytes are escaped
  if (/^[\x01-\x7f]*$/.test(text)) return text.length;
  const bytes = new TextEncoder().encode(text);
  return bytes.reduce((sum, byte) => sum + (byte === 0 ? 2 : 1), 0);
}
