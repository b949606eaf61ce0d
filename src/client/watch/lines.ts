/**
 * The lines of a stream whose sender may be hostile.
 * @module
 */
import { GrowingBuffer, MAX_WATCH_LINE_BYTES } from "../../wire/mod.ts";

const NEWLINE = 10;

/** Yields lines, until the signal aborts. @throws {RangeError} if one is too long, or comes in tiny chunks. */
export async function* linesOf(body: ReadableStream<Uint8Array>, signal: AbortSignal): AsyncGenerator<string> {
  // Not every browser can iterate over a stream.
  const reader = body.getReader();
  const cancel = () => reader.cancel().catch(() => {});
  signal.addEventListener("abort", cancel, { once: true });
  try {
    let line = new GrowingBuffer();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      for (let start = 0; start < value.length;) {
        const end = value.indexOf(NEWLINE, start);
        line.add(value.subarray(start, end < 0 ? value.length : end));
        if (line.length > MAX_WATCH_LINE_BYTES || line.hasTinyChunks) {
          throw new RangeError("a line is too long, or too slow");
        }
        if (end < 0) break;
        yield new TextDecoder().decode(line.take());
        line = new GrowingBuffer();
        start = end + 1;
      }
    }
  } finally {
    signal.removeEventListener("abort", cancel);
    await cancel();
  }
}
