/** A Deno KV database that keeps to Deno Deploy's limits, whatever the local one lets pass, and that can fail. */
import { serialize } from "node:v8";
import type { KvAtomic, KvDatabase, KvKey } from "../../src/stores/_kv_port.ts";

/** What is to go wrong. */
export interface Faults {
  /** Called before each atomic commit, with its number from 1 on; may throw. */
  before?(commit: number): void | Promise<void>;
  /** Called after each, when it is done; may throw. */
  after?(commit: number): void | Promise<void>;
}

/** Wraps a database. */
export function strictKv(kv: KvDatabase, faults: Faults = {}): KvDatabase & { readonly commits: number } {
  let commits = 0;
  return {
    get commits() {
      return commits;
    },
    get: (key) => kv.get(key),
    getMany(keys) {
      if (keys.length > 10) throw new TypeError(`getMany: ${keys.length} keys`);
      return kv.getMany(keys);
    },
    list: (selector, options) => kv.list(selector, options),
    close: () => kv.close(),
    atomic() {
      const inner = kv.atomic();
      let mutations = 0;
      let bytes = 0;
      const count = (key: KvKey, value?: unknown) => {
        const valueBytes = value === undefined ? 0 : serialize(value).length;
        const keyBytes = key.reduce<number>((sum, part) => sum + 2 + new TextEncoder().encode(String(part)).length, 0);
        if (valueBytes > 65_536) throw new TypeError(`a value of ${valueBytes} bytes`);
        if (keyBytes > 2_048) throw new TypeError(`a key of ${keyBytes} bytes`);
        bytes += keyBytes + valueBytes;
        if (++mutations > 1_000) throw new TypeError(`${mutations} mutations`);
        if (bytes > 819_200) throw new TypeError(`an operation of ${bytes} bytes`);
      };
      const outer: KvAtomic = {
        check(check) {
          inner.check(check);
          return outer;
        },
        set(key, value) {
          count(key, value);
          inner.set(key, value);
          return outer;
        },
        delete(key) {
          count(key);
          inner.delete(key);
          return outer;
        },
        async commit() {
          const number = ++commits;
          await faults.before?.(number);
          const result = await inner.commit();
          await faults.after?.(number);
          return result;
        },
      };
      return outer;
    },
  };
}
