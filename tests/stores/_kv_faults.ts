/** A Deno KV database that keeps to Deno Deploy's limits, whatever the local one lets pass, and that can fail. */
import type { KvAtomic, KvDatabase } from "../../src/stores/deno_kv/port.ts";
import { DENO_KV_LIMITS } from "../../src/stores/platform_limits.ts";
import { KvOperation } from "../../src/testing/hosts/kv_limits.ts";

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
      if (keys.length > DENO_KV_LIMITS.maxReadKeys) throw new TypeError(`getMany: ${keys.length} keys`);
      return kv.getMany(keys);
    },
    list: (selector, options) => kv.list(selector, options),
    close: () => kv.close(),
    atomic() {
      const inner = kv.atomic();
      const operation = new KvOperation();
      const outer: KvAtomic = {
        check(check) {
          operation.check(check.key);
          inner.check(check);
          return outer;
        },
        set(key, value) {
          operation.mutate(key, value);
          inner.set(key, value);
          return outer;
        },
        delete(key) {
          operation.mutate(key);
          inner.delete(key);
          return outer;
        },
        async commit() {
          const number = ++commits;
          operation.assertWithinLimits();
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
