/**
 * One POST of a signed request to one replica, and the meaning of its response.
 * @module
 */
import { GrowingBuffer } from "../../wire/codec/growing_buffer.ts";

/** The response to a POST. */
export type Answer =
  /** 200: the replica's signed reply, not verified yet. */
  | { readonly kind: "frame"; readonly frame: Uint8Array }
  /** 202: the replica accepted the request, but it was not executed in time. */
  | { readonly kind: "pending" }
  /** 429 or 503: the replica asks for a later attempt. */
  | { readonly kind: "later"; readonly overloaded: boolean; readonly afterMs: number; readonly detail: string }
  /** Any other 4xx: another attempt would have the same result. */
  | { readonly kind: "denied"; readonly status: number; readonly detail: string }
  /** No connection, a 5xx, or a body that is too long: this replica does not help now. */
  | { readonly kind: "failed" };

/** What {@linkcode post} needs. */
export interface PostOptions {
  readonly url: string;
  readonly frame: Uint8Array;
  /** The `accept` header, if there is one. */
  readonly accept?: string;
  readonly signal: AbortSignal;
  /** A longer response is not read. */
  readonly maxAnswerBytes: number;
}

const DEFAULT_RETRY_AFTER_MS = 1_000;
const MAX_RETRY_AFTER_MS = 5_000;
const MAX_PROBLEM_BYTES = 4_096;

/** Sends a request. Never rejects. */
export async function post(fetch: typeof globalThis.fetch, options: PostOptions): Promise<Answer> {
  try {
    const response = await fetch(options.url, {
      method: "POST",
      headers: { "content-type": "application/cbor", ...(options.accept && { accept: options.accept }) },
      body: options.frame as Uint8Array<ArrayBuffer>,
      signal: options.signal,
      redirect: "manual", // Workers refuse "error"
    });
    return await toAnswer(response, options.maxAnswerBytes);
  } catch {
    return { kind: "failed" };
  }
}

async function toAnswer(response: Response, maxAnswerBytes: number): Promise<Answer> {
  const { status } = response;
  // The body is always read to its end: a connection with an unread body cannot be used again.
  const body = await readBody(response, status === 200 ? maxAnswerBytes : MAX_PROBLEM_BYTES);
  if (status === 200) return body === null ? { kind: "failed" } : { kind: "frame", frame: body };
  if (status === 202) return { kind: "pending" };
  if (status === 429 || status === 503) {
    return { kind: "later", overloaded: status === 429, afterMs: retryAfterMs(response), detail: problemDetail(body) };
  }
  if (status >= 400 && status < 500 && status !== 408) {
    return { kind: "denied", status, detail: problemDetail(body) };
  }
  return { kind: "failed" };
}

async function readBody(response: Response, maxBytes: number): Promise<Uint8Array | null> {
  const { headers } = response;
  const declared = headers.get("content-length");
  // Without a content encoding, HTTP guarantees that the body has its declared length.
  if (declared !== null && Number(declared) <= maxBytes && !headers.has("content-encoding")) {
    return new Uint8Array(await response.arrayBuffer());
  }
  return response.body === null ? new Uint8Array() : await readStream(response.body, maxBytes);
}

async function readStream(stream: ReadableStream<Uint8Array>, maxBytes: number): Promise<Uint8Array | null> {
  const body = new GrowingBuffer();
  const reader = stream.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    const fits = body.length + next.value.length <= maxBytes;
    if (fits) body.add(next.value);
    if (fits && !body.hasTinyChunks) continue;
    await reader.cancel();
    return null;
  }
  return body.take();
}

function retryAfterMs(response: Response): number {
  const seconds = Number(response.headers.get("retry-after") ?? NaN);
  if (!(seconds >= 0)) return DEFAULT_RETRY_AFTER_MS;
  return Math.min(seconds * 1000, MAX_RETRY_AFTER_MS);
}

/** The `detail` of a problem+json body, or the body's text. */
function problemDetail(body: Uint8Array | null): string {
  const text = new TextDecoder().decode(body ?? new Uint8Array());
  try {
    const { detail } = JSON.parse(text);
    return typeof detail === "string" ? detail : text;
  } catch {
    return text;
  }
}
