/**
 * What a replica says to those who watch: lines, each with a signature and the signed statement about a run of sequence numbers.
 * @module
 */
import { parseBoundedJson } from "./bounded_json.ts";
import { fromHex, toHex } from "./codec/hex.ts";

/** The subject of a watch: one key, the keys with a prefix, or the batches themselves. */
export type Watched =
  | { readonly key: string }
  | { readonly prefix: string }
  | { readonly batches: true };

/**
 * A statement: of the numbers `from` to `through` only these have changes that match, in the order in which they were made. With `through`
 * below `from` it only says where the stream begins: the numbers before are not kept any more, or were not asked for. The replica signs the
 * bytes of its JSON text.
 */
export interface WatchStatement {
  readonly watch: Watched;
  readonly from: number;
  readonly through: number;
  /** By number, ascending; at most {@linkcode MAX_WATCH_BATCHES}. */
  readonly batches: readonly (readonly [sequence: number, content: WatchedContent])[];
}

/** What one batch has that is watched: keys with their new values, `null` where removed; or how many requests and operations. */
export type WatchedContent =
  | readonly (readonly [key: string, value: string | null])[]
  | { readonly requests: number; readonly operations: number };

/** The most batches in one statement. */
export const MAX_WATCH_BATCHES = 256;
/** The longest line, bytes: 4 Mi characters of changes, all of them escaped. */
export const MAX_WATCH_LINE_BYTES = 32 * 2 ** 20;
/** The most values in a statement: 128 Ki changes, as each counts 32 characters at least, with three values each, and room for the rest. */
const MAX_STATEMENT_VALUES = 512 * 1024;

/** One line: the statement's text, and the signature in hex. */
export interface WatchLine {
  readonly statement: string;
  readonly signature: string;
}

/** A line without its end. */
export function encodeWatchLine(statement: string, signature: Uint8Array): string {
  return `${toHex(signature)} ${statement}`;
}

/** The parts of a line. @throws {TypeError} if it is none. */
export function decodeWatchLine(line: string): WatchLine & { readonly signatureBytes: Uint8Array } {
  const end = line.indexOf(" ");
  if (end !== 128) throw new TypeError("line: expected a signature of 128 hex digits, a space, and a statement");
  const signature = line.slice(0, end);
  return { signature, statement: line.slice(end + 1), signatureBytes: fromHex(signature) };
}

/** The one text of a watch. */
export function watchText(watch: Watched): string {
  if ("key" in watch) return JSON.stringify({ key: watch.key });
  return "prefix" in watch ? JSON.stringify({ prefix: watch.prefix }) : JSON.stringify({ batches: true });
}

/** Reads a statement about `watched` of a replica, which may be faulty. @throws {TypeError} if it is none. */
export function parseStatement(text: string, watched: Watched): WatchStatement {
  const { watch, from, through, batches } = parseBoundedJson(text, MAX_STATEMENT_VALUES) as Partial<WatchStatement>;
  if (typeof watch !== "object" || watch === null || watchText(watch) !== watchText(watched)) {
    throw new TypeError("watch: another one");
  }
  if (!isNatural(from) || !isNatural(through) || from < 1 || through < from - 1) {
    throw new TypeError("from, through: expected numbers");
  }
  if (!Array.isArray(batches) || batches.length > MAX_WATCH_BATCHES) {
    throw new TypeError(`batches: expected at most ${MAX_WATCH_BATCHES}`);
  }
  let last = from - 1;
  const parsed = batches.map((batch: unknown) => {
    const [sequence, content] = Array.isArray(batch) ? batch : [];
    if (!isNatural(sequence) || sequence <= last || sequence > through) {
      throw new TypeError("batches: expected numbers that ascend, from `from` to `through`");
    }
    last = sequence;
    return [sequence, "batches" in watched ? counts(content) : changes(content)] as const;
  });
  return { watch: watched, from, through, batches: parsed };
}

function counts(content: unknown): WatchedContent {
  const { requests, operations } = Object(content) as Record<string, unknown>;
  if (!isNatural(requests) || !isNatural(operations)) throw new TypeError("content: expected counts");
  return { requests, operations };
}

function changes(content: unknown): WatchedContent {
  if (!Array.isArray(content) || content.length === 0) throw new TypeError("content: expected changes");
  return content.map((change: unknown) => {
    const [key, value] = Array.isArray(change) ? change : [];
    if (typeof key !== "string" || (value !== null && typeof value !== "string")) {
      throw new TypeError("content: expected keys with values");
    }
    return [key, value] as const;
  });
}

function isNatural(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
