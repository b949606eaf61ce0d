/**
 * An ordered set of texts, by code units, so that a prefix is found without a look at every key.
 * @module
 */

/** Adding to a block of this size moves little; a million keys make a few thousand blocks. */
const MAX_BLOCK = 512;

/** Blocks of ascending texts, themselves ascending, none empty. A new or a removed text costs two binary searches. */
export class SortedKeys {
  #blocks: string[][] = [];

  /** Replaces everything. `keys` are distinct, in any order. */
  fill(keys: string[]): void {
    // Without a comparison function, which would be slower: by code units, as everywhere here.
    const sorted = keys.sort();
    this.#blocks = [];
    for (let start = 0; start < sorted.length; start += MAX_BLOCK / 2) {
      this.#blocks.push(sorted.slice(start, start + MAX_BLOCK / 2));
    }
  }

  /** Adds a text that is not there yet. */
  add(key: string): void {
    const index = Math.min(this.#blockFor(key), this.#blocks.length - 1);
    if (index < 0) {
      this.#blocks.push([key]);
      return;
    }
    const block = this.#blocks[index]!;
    block.splice(firstNotBelow(block, key), 0, key);
    if (block.length > MAX_BLOCK) this.#blocks.splice(index + 1, 0, block.splice(MAX_BLOCK / 2));
  }

  /** Removes a text that is there. */
  delete(key: string): void {
    const index = this.#blockFor(key);
    const block = this.#blocks[index]!;
    block.splice(firstNotBelow(block, key), 1);
    if (block.length === 0) this.#blocks.splice(index, 1);
  }

  /** The texts that are not below `start`, ascending. */
  *from(start: string): Generator<string> {
    const first = this.#blockFor(start);
    for (let index = first; index < this.#blocks.length; index++) {
      const block = this.#blocks[index]!;
      for (let place = index === first ? firstNotBelow(block, start) : 0; place < block.length; place++) {
        yield block[place]!;
      }
    }
  }

  /** The index of the first block whose last text is not below `key`; their number if there is none. */
  #blockFor(key: string): number {
    let low = 0;
    for (let high = this.#blocks.length; low < high;) {
      const middle = (low + high) >>> 1;
      if (this.#blocks[middle]!.at(-1)! < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function firstNotBelow(block: readonly string[], key: string): number {
  let low = 0;
  for (let high = block.length; low < high;) {
    const middle = (low + high) >>> 1;
    if (block[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
