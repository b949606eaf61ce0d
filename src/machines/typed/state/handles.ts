/**
 * Collections and counters on the map of a machine.
 *
 * The entries of a collection `accounts` have the keys `accounts!` and the encoded key, a counter `next` has `next!`.
 * For values that expire, `leases#`, the encoded time, a zero byte and the encoded key say which is next.
 * @module
 */
import type { Collection, CollectionField, Counter, Field, RangeOptions } from "./fields.ts";
import { jsonText } from "../values/json.ts";
import { decodeKey, encodeKey, encodeNumber, type Key, regionOf } from "./key.ts";
import { validate } from "../values/schema.ts";
import type { Running, Scope } from "./scope.ts";

/** The longest value: characters of its JSON. */
export const MAX_VALUE_LENGTH = 60 * 1024;
/** All options of `range`. An unknown one, which no type has refused, would give too much. */
const RANGE_OPTIONS: readonly string[] = [
  "prefix",
  "from",
  "after",
  "before",
  "limit",
  "reverse",
] satisfies (keyof RangeOptions)[];
/** How many values that have expired are removed when one is written. */
const SWEPT = 4;

/** The handle of a field. */
export function handleOf(scope: Scope, name: string, field: Field): Collection<unknown, Key> | Counter {
  return field.kind === "counter"
    ? new StateCounter(scope, name)
    : new StateCollection(scope, name, field as CollectionField<unknown, Key>);
}

class StateCollection implements Collection<unknown, Key> {
  readonly #scope: Scope;
  readonly #name: string;
  readonly #field: CollectionField<unknown, Key>;

  constructor(scope: Scope, name: string, field: CollectionField<unknown, Key>) {
    this.#scope = scope;
    this.#name = name;
    this.#field = field;
  }

  get(key: Key): unknown {
    const running = this.#scope.read(`${this.#name}.get`);
    return this.#alive(running, running.draft.get(this.#place(key, "get")));
  }

  has(key: Key): boolean {
    return this.get(key) !== undefined;
  }

  set(key: Key, value: unknown): void {
    const what = `${this.#name}.set`;
    const { draft, time } = this.#scope.write(what);
    const place = this.#place(key, "set");
    const valid = validate(this.#field.value, what, value);
    if ("at" in valid) {
      throw new TypeError(`${what}: expected what the schema asks for, got something else at ${valid.at}`);
    }
    const text = jsonText(valid.value, what);
    if (text.length > MAX_VALUE_LENGTH) {
      throw new RangeError(`${what}: expected at most ${MAX_VALUE_LENGTH} characters of JSON, got ${text.length}`);
    }
    if (this.#field.expires !== null) {
      this.#sweep({ draft, time });
      this.#forget(draft, place);
      draft.set(this.#mark(place, valid.value), "");
    }
    draft.set(place, text);
  }

  delete(key: Key): boolean {
    const running = this.#scope.write(`${this.#name}.delete`);
    const place = this.#place(key, "delete");
    const text = running.draft.get(place);
    const wasThere = this.#alive(running, text) !== undefined;
    if (text === undefined) return false;
    if (this.#field.expires !== null) this.#forget(running.draft, place);
    running.draft.set(place, null);
    return wasThere;
  }

  range(options: RangeOptions = {}): (readonly [Key, unknown])[] {
    const running = this.#scope.read(`${this.#name}.range`);
    const { limit = Infinity, reverse = false } = options;
    for (const name in options) {
      if (RANGE_OPTIONS.includes(name)) continue;
      throw new TypeError(`${this.#name}.range: ${name}: no such option, expected ${RANGE_OPTIONS.join(", ")}`);
    }
    if (limit !== Infinity && (!Number.isSafeInteger(limit) || limit < 0)) {
      throw new TypeError(`${this.#name}.range: limit: expected a natural number, got ${String(limit)}`);
    }
    const [from, to] = this.#bounds(options);
    const entries: [Key, unknown][] = [];
    if (limit === 0 || from >= to) return entries;
    for (const [place, text] of reverse ? running.draft.backward(from, to) : running.draft.forward(from, to)) {
      const value = this.#alive(running, text);
      if (value !== undefined && entries.push([decodeKey(place.slice(this.#name.length + 1)), value]) >= limit) break;
    }
    return entries;
  }

  #bounds({ prefix, from, after, before }: RangeOptions): readonly [from: string, to: string] {
    const place = (key: Key) => this.#place(key, "range");
    const region = prefix === undefined ? null : regionOf(prefix);
    const lows = [
      `${this.#name}!${region?.from ?? ""}`,
      ...from === undefined ? [] : [place(from)],
      ...after === undefined ? [] : [`${place(after)}\0`],
    ];
    const highs = [
      region ? `${this.#name}!${region.to}` : `${this.#name}"`,
      ...before === undefined ? [] : [place(before)],
    ];
    return [lows.reduce((a, b) => a > b ? a : b), highs.reduce((a, b) => a < b ? a : b)];
  }

  #place(key: Key, method: string): string {
    const what = `${this.#name}.${method}`;
    const { key: schema } = this.#field;
    if (schema) {
      const valid = validate(schema, `${what}: key`, key);
      if ("at" in valid) {
        throw new TypeError(`${what}: key: expected what the schema asks for, got something else at ${valid.at}`);
      }
    } else if (typeof key !== "string") {
      throw new TypeError(
        `${what}: key: expected a text, got a ${typeof key}; say which keys there are: collection(…, { key: … })`,
      );
    }
    return `${this.#name}!${encodeKey(key)}`;
  }

  #alive({ time }: Pick<Running, "time">, text: string | undefined): unknown {
    if (text === undefined) return undefined;
    const value: unknown = JSON.parse(text);
    return this.#field.expires === null || this.#end(value) > time ? value : undefined;
  }

  #end(value: unknown): number {
    const end = (value as Readonly<Record<string, unknown>> | null)?.[this.#field.expires!];
    if (typeof end === "number") return end;
    throw new TypeError(`${this.#name}: expected the time in ms at .${this.#field.expires}, got ${typeof end}`);
  }

  #mark(place: string, value: unknown): string {
    return `${this.#name}#${encodeNumber(this.#end(value))}\0${place.slice(this.#name.length + 1)}`;
  }

  /** Removes the note of when the present value expires. */
  #forget(draft: Running["draft"], place: string): void {
    const text = draft.get(place);
    if (text !== undefined) draft.set(this.#mark(place, JSON.parse(text)), null);
  }

  #sweep({ draft, time }: Pick<Running, "draft" | "time">): void {
    const marks: string[] = [];
    // A mark at the very time ends with a zero byte and a key, so it is below this bound.
    for (const [mark] of draft.forward(`${this.#name}#`, `${this.#name}#${encodeNumber(time)}\x01`)) {
      if (marks.push(mark) === SWEPT) break;
    }
    for (const mark of marks) {
      draft.set(`${this.#name}!${mark.slice(mark.indexOf("\0") + 1)}`, null);
      draft.set(mark, null);
    }
  }
}

class StateCounter implements Counter {
  readonly #scope: Scope;
  readonly #name: string;

  constructor(scope: Scope, name: string) {
    this.#scope = scope;
    this.#name = name;
  }

  get value(): number {
    return Number(this.#scope.read(`${this.#name}.value`).draft.get(`${this.#name}!`) ?? 0);
  }

  next(): number {
    return this.add(1);
  }

  add(by: number): number {
    const { draft } = this.#scope.write(`${this.#name}.add`);
    const sum = this.value + by;
    if (!Number.isSafeInteger(by) || !Number.isSafeInteger(sum)) {
      throw new RangeError(`${this.#name}.add: expected integers within ±(2^53 - 1), got ${String(by)}`);
    }
    draft.set(`${this.#name}!`, String(sum));
    return sum;
  }
}
