/**
 * A buffer for bytes that arrive in chunks, such as a request body.
 * @module
 */

/** Length of the first buffer, bytes. */
const FIRST_BYTES = 4 * 1024;
/** This many chunks may be of any length. */
const FREE_CHUNKS = 256;
/** If there are more chunks, their mean length must be at least this, bytes. */
const MIN_MEAN_CHUNK_BYTES = 64;

/**
 * Copies chunks into one buffer. An HTTP server gives each chunk as a view of a read buffer of about 40 KB, so a list of one-byte chunks would
 * hold tens of kilobytes for each byte. This class keeps no chunk: it holds less than twice the bytes that arrived.
 */
export class GrowingBuffer {
  #bytes = new Uint8Array(0);
  #length = 0;
  #chunks = 0;

  /** How many bytes arrived. */
  get length(): number {
    return this.#length;
  }

  /** How many chunks arrived. */
  get chunks(): number {
    return this.#chunks;
  }

  /**
   * Whether the sender uses chunks so small that handling them, 10 us each, is the main cost. Chunks of one byte cost a hundred times
   * as much as the same bytes in chunks of one packet each.
   */
  get hasTinyChunks(): boolean {
    return this.#chunks > FREE_CHUNKS + this.#length / MIN_MEAN_CHUNK_BYTES;
  }

  /** Appends a copy of a chunk. */
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

  /** All bytes that arrived, as a view of the buffer. */
  take(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }
}
