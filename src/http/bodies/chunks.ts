/**
 * The chunks of a request body, read into a buffer of this code's choice. Deno's own reader sets aside 64 KiB for each
 * read, also while nothing arrives: 1,000 bodies a second that are announced and not sent would make 64 MB of garbage a
 * second.
 * @module
 */

/** Length of the first buffer, bytes: about a packet. */
const FIRST_BYTES = 2 * 1024;
/** Length of the largest buffer, bytes. */
const MAX_BYTES = 64 * 1024;

/** Reads the chunks of one body. */
export class BodyChunks {
  readonly #into: ReadableStreamBYOBReader | null;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | ReadableStreamBYOBReader;
  #buffer: ArrayBufferLike = new ArrayBuffer(FIRST_BYTES);

  constructor(body: ReadableStream<Uint8Array>) {
    this.#into = readerInto(body);
    this.#reader = this.#into ?? body.getReader();
  }

  /** The next chunk, which lasts until the next call; null at the end. Rejects if the body breaks off. */
  async read(): Promise<Uint8Array | null> {
    const { done, value } = this.#into
      ? await this.#into.read(new Uint8Array(this.#buffer as ArrayBuffer))
      : await (this.#reader as ReadableStreamDefaultReader<Uint8Array>).read();
    if (done || value === undefined) return null;
    if (this.#into) this.#buffer = bufferAfter(value);
    return value;
  }

  /** Ends a pending read, and lets the host free the rest of the body. Never rejects. */
  async cancel(): Promise<void> {
    await this.#reader.cancel().catch(() => {});
  }
}

/** The same buffer again; a larger one if this one was full. */
function bufferAfter({ buffer, length }: Uint8Array): ArrayBufferLike {
  const isFull = length === buffer.byteLength && length < MAX_BYTES;
  return isFull ? new ArrayBuffer(Math.min(2 * length, MAX_BYTES)) : buffer;
}

/** `null`: the host's body is no stream of bytes, and brings chunks of its own. */
function readerInto(body: ReadableStream<Uint8Array>): ReadableStreamBYOBReader | null {
  try {
    return body.getReader({ mode: "byob" });
  } catch {
    return null;
  }
}
