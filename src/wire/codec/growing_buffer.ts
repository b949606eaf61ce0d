/**
 * Bytes that come in chunks, copied into one buffer as they come.
 * @module
 */

/** The first buffer's length, bytes. */
const FIRST_BYTES = 4 * 1024;
/** So many chunks may be of any length. */
const FREE_CHUNKS = 256;
/** Beyond those, the chunks' mean length must be as much, bytes. */
const MIN_MEAN_CHUNK_BYTES = 64;

/**
 * Gathers chunks. A host's HTTP server gives each chunk as a view of a read buffer of some 40 KB, so that a list of chunks of one byte would
 * hold tens of kilobytes for each byte. Here no chunk is kept: what is held is less than twice what came.
 */
export class GrowingBuffer {
  #bytes = new Uint8Array(0);
  #length = 0;
  #chunks = 0;

  /** Bytes that have come. */
  get length(): number {
    return this.#length;
  }

  /** Chunks that have come. */
  get chunks(): number {
    return this.#chunks;
  }

  /**
   * Whether the sender cuts what it sends so small that taking the chunks up, 10 us each, is what costs: one byte per chunk costs a hundred
   * times what the same bytes cost in chunks of a packet each.
   */
  get isCutTooSmall(): boolean {
    return this.#chunks > FREE_CHUNKS + this.#length / MIN_MEAN_CHUNK_BYTES;
  }

  /** Copies a chunk. */
  add(chunk: Uint8Array): void {
    this.#chunks++;
    const length = this.#length + chunk.length;
    if (length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(length, 2 * this.#bytes.length, FIRST_BYTES));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    this.#bytes.set(chunk, this.#length);
    this.#length = length;
  }

  /** All that came: a view. */
  take(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }
}
