/**
 * Reads server-sent events.
 * @module
 */

/** One event. */
export interface ServerEvent {
  readonly id: number | null;
  readonly kind: string;
  readonly data: string;
}

/** An event that is longer is not one of ours, characters. */
const MAX_CHARACTERS = 1 << 20;

/** The events of a stream, one after another. @throws {Error} if one is too long, and what the stream throws. */
export async function* serverEvents(stream: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += decoder.decode(value, { stream: true });
      let start = 0;
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n", start)) {
        const event = parse(text.slice(start, end));
        if (event) yield event;
        start = end + 2;
      }
      text = text.slice(start);
      if (text.length > MAX_CHARACTERS) throw new Error(`an event is longer than ${MAX_CHARACTERS} characters`);
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function parse(block: string): ServerEvent | null {
  let [id, kind, data]: [number | null, string, string | null] = [null, "message", null];
  for (const line of block.split("\n")) {
    if (line.startsWith("id: ")) id = Number(line.slice(4));
    else if (line.startsWith("event: ")) kind = line.slice(7);
    else if (line.startsWith("data: ")) data = line.slice(6);
  }
  return data === null ? null : { id, kind, data };
}
