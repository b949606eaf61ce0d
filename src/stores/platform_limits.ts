/**
 * The limits of the platforms, in one table. The stores split their writes to stay below them. The simulator and the tests' stand-ins
 * for the platforms enforce them, and `tests/stores/platform_limits_test.ts` checks those of Deno KV against the database itself.
 * @module
 */

/**
 * Limits of Deno KV, on Deno Deploy and locally: <https://docs.deno.com/deploy/kv/> and the errors of Deno 2.9. A key counts in its encoded
 * form: the UTF-8 of a text and two bytes more (and one more for each zero byte), nine bytes for a number.
 */
export const DENO_KV_LIMITS = {
  /** Bytes of a key that is written. A key that is read may have one byte more. */
  maxKeyBytes: 2_048,
  /** Bytes of a value. A value that is not bytes counts in V8's serialization. */
  maxValueBytes: 65_536,
  /** Changes in one atomic operation. */
  maxMutations: 1_000,
  /** Bytes of the keys that one atomic operation sets. Keys that it removes do not count. */
  maxSetKeyBytes: 81_920,
  /** Bytes of one atomic operation: the keys of its checks and changes; a key that is set counts once more, with its value. */
  maxOperationBytes: 819_200,
  /** Checks in one atomic operation. */
  maxChecks: 100,
  /** Keys in one `getMany`. */
  maxReadKeys: 10,
  /** Entries in one batch of a `list`. */
  maxListBatch: 1_000,
} as const;

/**
 * Limits of a Durable Object with SQLite storage. Those of its storage are from
 * <https://developers.cloudflare.com/durable-objects/platform/limits/>; those of one invocation and of variables are from
 * <https://developers.cloudflare.com/workers/platform/limits/>.
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
  /** Outgoing requests that wait for response headers at the same time. The platform queues further ones. */
  maxConnections: 6,
  /** Outgoing requests of one invocation on the free plan. The paid plan allows 10,000. */
  maxSubrequests: 50,
  /** Bytes of one variable or secret. */
  maxVariableBytes: 5_000,
} as const;

/** The size of a key in Deno KV, bytes. */
export function kvKeyBytes(key: readonly (string | number)[]): number {
  return key.reduce<number>((sum, part) => sum + (typeof part === "string" ? 2 + escapedBytes(part) : 9), 0);
}

function escapedBytes(text: string): number {
  // deno-lint-ignore no-control-regex -- zero bytes are escaped
  if (/^[\x01-\x7f]*$/.test(text)) return text.length;
  const bytes = new TextEncoder().encode(text);
  return bytes.reduce((sum, byte) => sum + (byte === 0 ? 2 : 1), 0);
}
