/**
 * A Deno KV database in memory, with all its limits, for simulations of the store on Deno KV.
 * @module
 */
import type { KvAtomic, KvDatabase, KvEntry, KvKey } from "../../stores/deno_kv.ts";
import { DENO_KV_LIMITS } from "../../stores/platform_limits.ts";
import { KvOperation } from "./kv_limits.ts";

/** The contents. Several databases may be open on them. */
export class KvContents {
  readonly #entries = new Map<string, KvEntry>();
  #stamp = 0;

  get(key: KvKey): KvEntry {
    return this.#entries.get(JSON.stringify(key)) ?? { key, value: null, versionstamp: null };
  }

  /** In the order of their keys. */
  under(prefix: KvKey): readonly KvEntry[] {
    const isUnder = ({ key }: KvEntry) => key.length > prefix.length && prefix.every((part, i) => part === key[i]);
    return [...this.#entries.values()].filter(isUnder).sort((a, b) => compare(a.key as KvKey, b.key as KvKey));
  }

  /** Applies all changes under one versionstamp and returns it. */
  change(changes: readonly (readonly [key: KvKey, value: unknown])[]): string {
    const versionstamp = String(++this.#stamp).padStart(20, "0");
    for (const [key, value] of changes) {
      const name = JSON.stringify(key);
      if (value === null) this.#entries.delete(name);
      else this.#entries.set(name, { key, value: structuredClone(value), versionstamp });
    }
    return versionstamp;
  }
}

/** An open database. */
export class SimulatedKv implements KvDatabase {
  readonly #contents: KvContents;

  constructor(contents: KvContents) {
    this.#contents = contents;
  }

  get(key: KvKey): Promise<KvEntry> {
    return Promise.resolve(copyOf(this.#contents.get(key)));
  }

  getMany(keys: readonly KvKey[]): Promise<readonly KvEntry[]> {
    if (keys.length > DENO_KV_LIMITS.maxReadKeys) return Promise.reject(new TypeError(`getMany: ${keys.length} keys`));
    return Promise.resolve(keys.map((key) => copyOf(this.#contents.get(key))));
  }

  async *list({ prefix, start }: Parameters<KvDatabase["list"]>[0]): AsyncIterable<KvEntry> {
    for (const entry of this.#contents.under(prefix)) {
      if (start === undefined || compare(entry.key as KvKey, start) >= 0) yield await Promise.resolve(copyOf(entry));
    }
  }

  atomic(): KvAtomic {
    return new Atomic(this.#contents);
  }

  close(): void {}
}

/** An atomic operation under construction. */
class Atomic implements KvAtomic {
  readonly #contents: KvContents;
  readonly #checks: Parameters<KvAtomic["check"]>[0][] = [];
  readonly #changes: [key: KvKey, value: unknown][] = [];
  readonly #operation = new KvOperation();

  constructor(contents: KvContents) {
    this.#contents = contents;
  }

  check(check: Parameters<KvAtomic["check"]>[0]): this {
    this.#checks.push(check);
    this.#operation.check(check.key);
    return this;
  }

  set(key: KvKey, value: unknown): this {
    this.#changes.push([key, value]);
    this.#operation.mutate(key, value);
    return this;
  }

  delete(key: KvKey): this {
    this.#changes.push([key, null]);
    this.#operation.mutate(key);
    return this;
  }

  commit(): ReturnType<KvAtomic["commit"]> {
    try {
      this.#operation.assertWithinLimits();
    } catch (error) {
      return Promise.reject(error);
    }
    for (const { key, versionstamp } of this.#checks) {
      if (this.#contents.get(key).versionstamp !== versionstamp) return Promise.resolve({ ok: false });
    }
    return Promise.resolve({ ok: true, versionstamp: this.#contents.change(this.#changes) });
  }
}

function copyOf(entry: KvEntry): KvEntry {
  return { ...entry, value: structuredClone(entry.value) };
}

/** Texts sort before numbers. */
function compare(a: KvKey, b: KvKey): number {
  for (const [i, part] of a.entries()) {
    const other = b[i];
    if (other === undefined) return 1;
    if (typeof part !== typeof other) return typeof part === "string" ? -1 : 1;
    if (part !== other) return part < other ? -1 : 1;
  }
  return a.length - b.length;
}
