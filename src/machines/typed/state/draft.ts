/**
 * The changes of one operation, before they count. An operation that throws changes nothing.
 * @module
 */
import type { LeafMap } from "../../../core/tree/leaf_map.ts";
import { NotLoadedError } from "../../../core/state_machine.ts";

/** The most chunks that a range asks for at a time. */
const MAX_CHUNKS = 256;

/** A map with changes on top of it. */
export class Draft {
  readonly #map: LeafMap;
  readonly #writes = new Map<string, string | null>();
  /** The first chunk that was missing. Then the operation is run anew, whatever it does with the error. */
  missing: NotLoadedError | null = null;

  constructor(map: LeafMap) {
    this.#map = map;
  }

  get(key: string): string | undefined {
    const written = this.#writes.get(key);
    if (written !== undefined) return written ?? undefined;
    this.#need(key);
    return this.#map.get(key);
  }

  set(key: string, value: string | null): void {
    this.#need(key);
    this.#writes.set(key, value);
  }

  /** The entries with `from` <= key < `to`, ascending. */
  *forward(from: string, to: string): Generator<readonly [key: string, value: string]> {
    const own = this.#ownKeys(from, to);
    let next = 0;
    let count = 0;
    const entries = this.#map.from(from);
    for (let step = entries.next();; step = entries.next()) {
      if (step.done && step.value !== null && step.value.at < to) {
        this.#lack(new NotLoadedError([{ at: step.value.at, more: Math.min(MAX_CHUNKS, count >> 4) }]));
      }
      const key = step.done || step.value[0] >= to ? null : step.value[0];
      for (; next < own.length && (key === null || own[next]! <= key); next++) {
        const value = this.#writes.get(own[next]!);
        if (typeof value === "string") yield [own[next]!, value];
      }
      if (key === null || step.done) return;
      count++;
      if (!this.#writes.has(key)) yield step.value;
    }
  }

  /** The same entries, descending. */
  *backward(from: string, to: string): Generator<readonly [key: string, value: string]> {
    const own = this.#ownKeys(from, to).reverse();
    let next = 0;
    for (let below = to;;) {
      const found = this.#map.last(below, { orItself: false });
      if (found !== null && typeof found === "object") this.#lack(new NotLoadedError([found]));
      const key = found === null || found < from ? null : found as string;
      for (; next < own.length && (key === null || own[next]! >= key); next++) {
        const value = this.#writes.get(own[next]!);
        if (typeof value === "string") yield [own[next]!, value];
      }
      if (key === null) return;
      if (!this.#writes.has(key)) yield [key, this.#map.get(key)!];
      below = key;
    }
  }

  /** Makes the changes count. Calls `onChange` with the former and the new value of each. */
  apply(onChange: (key: string, before: string | undefined, value: string | null) => void): void {
    for (const [key, value] of this.#writes) {
      const before = this.#map.get(key);
      if (before === (value ?? undefined)) continue;
      onChange(key, before, value);
      if (value === null) this.#map.delete(key);
      else this.#map.set(key, value);
    }
  }

  #ownKeys(from: string, to: string): string[] {
    if (this.#writes.size === 0) return [];
    return [...this.#writes.keys()].filter((key) => key >= from && key < to).sort((a, b) => a < b ? -1 : 1);
  }

  #need(key: string): void {
    if (!this.#map.isLoaded(key)) this.#lack(new NotLoadedError([{ at: key }]));
  }

  #lack(error: NotLoadedError): never {
    this.missing ??= error;
    throw this.missing;
  }
}
