/**
 * Splits entries into the leaves of a {@linkcode LeafMap} while they come, by ascending key. A leaf is given as soon as no
 * later entry can change it, so that only the entries of about one leaf are in memory.
 * @module
 */
import { endOfRun, type Entries, entrySize, type LeafContent, sizeOf, splitEntries } from "./leaf.ts";
import { commonBits } from "./text_bits.ts";

/** The leaves of entries that come by ascending key. */
export class LeafWriter {
  readonly #maxSize: number;
  readonly #entries: Entries = [];
  #size = 0;
  /** How many bits the first entry here shares with the one before it, which was given; -1 if there is none. */
  #before = -1;

  /** `maxSize`: that of the map. */
  constructor(maxSize: number) {
    this.#maxSize = maxSize;
  }

  /** The next entry, whose key is above all before it. Returns the leaves that are complete. */
  add(key: string, value: string): readonly LeafContent[] {
    this.#entries.push(key, value);
    this.#size += entrySize(key, value);
    const complete: LeafContent[] = [];
    // The region of all entries here is too large, so it is halved. No later key lies in its first half.
    while (this.#size > this.#maxSize && this.#entries.length > 2) complete.push(...this.#firstHalf());
    return complete;
  }

  /** There are no more entries. Returns the last leaves. */
  end(): readonly LeafContent[] {
    if (this.#entries.length === 0) return [];
    return splitEntries(this.#entries, this.#maxSize, [this.#before, -1]);
  }

  #firstHalf(): readonly LeafContent[] {
    const common = commonBits(this.#entries[0]!, this.#entries.at(-2)!);
    const half = this.#entries.splice(0, endOfRun(this.#entries, [0, this.#entries.length], common));
    this.#size -= sizeOf(half);
    const leaves = splitEntries(half, this.#maxSize, [this.#before, common]);
    this.#before = common;
    return leaves;
  }
}
