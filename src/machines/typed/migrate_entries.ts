/**
 * A migration of a typed machine that makes collections entry by entry. The keys stay, so the new entries have the
 * order of the old ones, and only a few chunks are in memory at once. If values of a new collection expire, the notes
 * of when they do are in memory, too, because they have another order.
 * @module
 */
import type { MigrationContext, MigrationSteps, StreamedMigration } from "../../core/epochs/migrate.ts";
import { LeafWriter } from "../../core/tree/leaf_writer.ts";
import { decodeChunk, encodedChunks } from "../_chunk.ts";
import type { Collection } from "./state/fields.ts";
import { handleOf } from "./state/handles.ts";
import type { Key } from "./state/key.ts";
import { type Running, Scope } from "./state/scope.ts";
import { CHUNK_SIZE, DRAWS } from "./typed_machine.ts";
import type { Definition, TypedEntries } from "./types.ts";
import { ignore, isThenable } from "./values/schema.ts";

/** The keys from `from` on, and before `to`. */
interface Region {
  readonly from: string;
  readonly to: string;
}

/** A region of the new state, and how its entries are made. */
interface Part extends Region {
  /** Gives its entries, ascending. */
  readonly entries: (reader: Reader, context: MigrationContext) => Entries;
}

type Entry = readonly [key: string, value: string];
type Entries = Generator<string | Entry, void, Uint8Array | undefined>;

/** Makes the collections that `entries` names from collections of the former version. */
export function streamedEntries(
  definition: Definition,
  former: Definition,
  entries: Readonly<Record<string, TypedEntries>>,
): StreamedMigration {
  return {
    *stream(ids, context): MigrationSteps {
      const writer = new LeafWriter(CHUNK_SIZE);
      const reader = new Reader(ids);
      for (const part of partsOf(definition, former, entries)) {
        const steps = part.entries(reader, context);
        let chunk: Uint8Array | undefined;
        for (let step = steps.next(); !step.done; step = steps.next(chunk)) {
          chunk = undefined;
          if (typeof step.value === "string") chunk = yield step.value;
          else yield* encodedChunks(writer.add(...step.value));
        }
      }
      yield* encodedChunks(writer.end());
    },
  };
}

/** The regions of the new state, ascending. */
function partsOf(
  definition: Definition,
  former: Definition,
  entries: Readonly<Record<string, TypedEntries>>,
): readonly Part[] {
  const stays = (from: string): Part => {
    const region = { from, to: after(from) };
    return { ...region, entries: (reader) => reader.read(region) };
  };
  const parts = Object.keys(definition.state).flatMap((name): readonly Part[] => {
    if (Object.hasOwn(entries, name)) return remade(definition, former, name, entries[name]!);
    return Object.hasOwn(former.state, name) ? [stays(`${name}!`), stays(`${name}#`)] : [];
  });
  return [stays(DRAWS), ...parts].sort((a, b) => a.from < b.from ? -1 : 1);
}

/** The entries of a collection that is made anew, and then when they expire. */
function remade(
  definition: Definition,
  former: Definition,
  name: string,
  { from, value }: TypedEntries,
): readonly Part[] {
  let marks: string[] = [];
  const what = `migrate.entries.${name}`;
  return [
    {
      from: `${name}!`,
      to: `${name}"`,
      *entries(reader, { timestamp: time, sequence }) {
        marks = [];
        const [old, next] = [new Handle(former, from, time), new Handle(definition, name, time)];
        for (const leaf of reader.leaves({ from: `${from}!`, to: `${from}"` })) {
          if (typeof leaf === "string") {
            reader.take(yield leaf);
            continue;
          }
          for (const [key, before] of old.decoded(leaf)) {
            const made: unknown = value(before, key, { time, sequence });
            if (isThenable(made)) {
              ignore(made);
              throw new TypeError(`${what}.value: expected a value at once, got a promise`);
            }
            if (made === undefined) continue;
            for (const [place, text] of next.encoded(key, made)) {
              if (text === "") marks.push(place);
              else yield [place, text];
            }
          }
        }
      },
    },
    {
      from: `${name}#`,
      to: `${name}$`,
      *entries() {
        for (const mark of marks.sort()) yield [mark, ""];
        marks = [];
      },
    },
  ];
}

/** A collection of one version, whose entries are decoded and encoded as its operations do it. */
class Handle {
  readonly #scope = new Scope();
  readonly #collection: Collection<unknown, Key>;
  readonly #time: number;

  constructor({ state }: Definition, name: string, time: number) {
    this.#collection = handleOf(this.#scope, name, state[name]!) as Collection<unknown, Key>;
    this.#time = time;
  }

  /** The entries that have not expired. */
  decoded(entries: readonly Entry[]): readonly (readonly [key: Key, value: unknown])[] {
    return this.#within(
      { ...NO_DRAFT, forward: () => entries.values() as Generator<Entry> },
      () => this.#collection.range(),
    );
  }

  /** What an entry is in the state. @throws {TypeError} as its `set` does. */
  encoded(key: Key, value: unknown): readonly Entry[] {
    const written: Entry[] = [];
    const set = (place: string, text: string | null) => void written.push([place, text!]);
    this.#within({ ...NO_DRAFT, set }, () => this.#collection.set(key, value));
    return written;
  }

  #within<T>(draft: Running["draft"], use: () => T): T {
    this.#scope.running = { draft, time: this.#time, mayWrite: true };
    try {
      return use();
    } finally {
      this.#scope.running = null;
    }
  }
}

/** An empty state. */
const NO_DRAFT: Running["draft"] = {
  get: () => undefined,
  set() {},
  *forward() {},
  *backward() {},
};

/** Reads the entries of regions, chunk by chunk. */
class Reader {
  readonly #ids: readonly string[];
  #chunk: Uint8Array | undefined;

  constructor(ids: readonly string[]) {
    this.#ids = ids;
  }

  /** The chunk that {@linkcode leaves} has asked for. */
  take(chunk: Uint8Array | undefined): void {
    this.#chunk = chunk;
  }

  /** The id of each chunk in turn, which is to be {@linkcode take}n, and then its entries in the region. */
  *leaves({ from, to }: Region): Generator<string | readonly Entry[]> {
    const first = this.#ids.findLastIndex((id) => id <= from);
    for (let at = Math.max(first, 0); at < this.#ids.length && this.#ids[at]! < to; at++) {
      yield this.#ids[at]!;
      const { entries } = decodeChunk(this.#ids[at]!, this.#chunk!);
      const inside: Entry[] = [];
      for (let i = 0; i < entries.length; i += 2) {
        if (entries[i]! >= from && entries[i]! < to) inside.push([entries[i]!, entries[i + 1]!]);
      }
      yield inside;
    }
  }

  /** The entries of a region as they are. */
  *read(region: Region): Entries {
    for (const leaf of this.leaves(region)) {
      if (typeof leaf === "string") this.take(yield leaf);
      else yield* leaf;
    }
  }
}

/** The text above all that begin with this one. */
function after(text: string): string {
  return text.slice(0, -1) + String.fromCharCode(text.charCodeAt(text.length - 1) + 1);
}
