/**
 * A Deno KV database that counts what it is asked, in the units in which it is billed.
 * @module
 */
import type { KvAtomic, KvDatabase, KvEntry } from "../../src/stores/deno_kv.ts";

const READ_UNIT_BYTES = 4_096;
const WRITE_UNIT_BYTES = 1_024;

/** What was counted. */
export interface KvCounts extends Record<string, number> {
  "read units": number;
  "write units": number;
  "atomic operations": number;
}

/** Wraps a database. */
export function countingKv(kv: Deno.Kv): { readonly database: KvDatabase; readonly counts: KvCounts } {
  const counts: KvCounts = { "read units": 0, "write units": 0, "atomic operations": 0 };
  const onRead = (entries: readonly KvEntry[]) => {
    const bytes = entries.reduce((sum, { value }) => sum + sizeOf(value), 0);
    counts["read units"] += Math.max(1, Math.ceil(bytes / READ_UNIT_BYTES));
  };
  const database: KvDatabase = {
    async get(key) {
      const entry = await kv.get([...key]) as KvEntry;
      onRead([entry]);
      return entry;
    },
    async getMany(keys) {
      const entries = await kv.getMany(keys.map((key) => [...key])) as readonly KvEntry[];
      for (const entry of entries) onRead([entry]);
      return entries;
    },
    async *list({ prefix, start }, options) {
      const entries: KvEntry[] = [];
      for await (const entry of kv.list({ prefix: [...prefix], ...(start && { start: [...start] }) }, options)) {
        entries.push(entry);
        yield entry;
      }
      onRead(entries);
    },
    atomic() {
      const atomic = kv.atomic();
      let units = 0;
      const wrapped: KvAtomic = {
        check: ({ key, versionstamp }) => (atomic.check({ key: [...key], versionstamp }), wrapped),
        set(key, value) {
          units += Math.max(1, Math.ceil(sizeOf(value) / WRITE_UNIT_BYTES));
          atomic.set([...key], value);
          return wrapped;
        },
        delete(key) {
          units += 1;
          atomic.delete([...key]);
          return wrapped;
        },
        async commit() {
          const result = await atomic.commit();
          counts["atomic operations"]++;
          counts["write units"] += units;
          return result;
        },
      };
      return wrapped;
    },
    close: () => kv.close(),
  };
  return { database, counts };
}

function sizeOf(value: unknown): number {
  if (value === null) return 0;
  return value instanceof Uint8Array ? value.length : JSON.stringify(value).length;
}
