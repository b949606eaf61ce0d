/**
 * A call of a typed machine as bytes: JSON, `{"op":"deposit","input":{"account":"ada","amount":5}}`.
 * @module
 */
import { fromUtf8, utf8 } from "../_text.ts";
import { rejection } from "./rejection.ts";
import { flawOf, jsonText } from "./values/json.ts";

/** The bytes of a call. @throws {TypeError} if the input is not JSON. */
export function encodeCall(name: string, input: unknown): Uint8Array {
  return utf8(`{"op":${JSON.stringify(name)}${input === undefined ? "" : `,"input":${jsonText(input, name)}`}}`);
}

/** The inverse of {@linkcode encodeCall}. @throws {RejectedOperation} if the bytes are no call. */
export function decodeCall(bytes: Uint8Array): { readonly op: string; readonly input: unknown } {
  const call = parse(bytes);
  if (typeof call !== "object" || call === null || Array.isArray(call)) throw expected("an object");
  const { op, input, ...more } = call as { readonly op?: unknown; readonly input?: unknown };
  if (typeof op !== "string") throw expected("a text as op");
  if (Object.keys(more).length > 0) throw expected("the fields op and input only");
  // JSON may have numbers beyond all doubles, halves of characters, and any depth.
  const flaw = input === undefined ? null : flawOf(input);
  if (flaw) throw rejection("invalid", { at: flaw.at });
  return { op, input };
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(fromUtf8(bytes));
  } catch {
    throw expected("JSON in UTF-8"); // Runtimes word this error differently.
  }
}

function expected(what: string): Error {
  return rejection("malformed", { expected: what });
}
