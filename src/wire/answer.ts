/**
 * Reads the answers of servers that may lie, such as other members: they may have any length, and come in chunks of any size.
 * @module
 */
import { parseBoundedJson } from "./bounded_json.ts";
import { GrowingBuffer } from "./codec/growing_buffer.ts";

/** The headers of a question whose answer {@linkcode readUncompressed} reads. Without them `fetch` asks for compressed answers by itself. */
export const UNCOMPRESSED: { readonly [name: string]: string } = { "accept-encoding": "identity" };

/**
 * The body of an answer. Its chunks are copied, so that no small one keeps a large buffer.
 * @throws {RangeError} if it is longer than `maxBytes`, or in tiny chunks. It is not read any further.
 */
export async function readAnswer({ body }: Response, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const all = new GrowingBuffer();
  // Not every browser can iterate over a stream.
  const reader = body?.getReader();
  for (let next = await reader?.read(); next && !next.done; next = await reader!.read()) {
    all.add(next.value);
    if (all.length <= maxBytes && !all.hasTinyChunks) continue;
    await reader!.cancel();
    const [most, got] = all.hasTinyChunks
      ? ["in larger chunks", "small ones"]
      : [`of at most ${maxBytes} bytes`, "more"];
    throw new RangeError(`expected an answer ${most}, got ${got}`);
  }
  return all.take();
}

/**
 * The body of an answer to a question with {@linkcode UNCOMPRESSED}. A liar may compress it all the same: that costs it nothing, and who reads it
 * 20 times as much as the same bytes.
 * @throws {RangeError} as {@linkcode readAnswer} does, and if the answer is compressed. Then nothing of it is read.
 */
export async function readUncompressed(response: Response, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  if (!isCompressed(response)) return await readAnswer(response, maxBytes);
  await response.body?.cancel();
  throw new RangeError(`expected an answer that is not compressed, got ${response.headers.get("content-encoding")}`);
}

/** Whether an answer is compressed. */
export function isCompressed({ headers }: Response): boolean {
  return (headers.get("content-encoding") ?? "identity").toLowerCase() !== "identity";
}

/** The JSON in the body of an answer. @throws {RangeError} if it has too many values. @throws {SyntaxError} if it is none. */
export function answeredJson(bytes: Uint8Array): unknown {
  return parseBoundedJson(new TextDecoder().decode(bytes));
}
