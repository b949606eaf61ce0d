/**
 * Parser of goPBFT's JSON request. It checks field by field.
 * @module
 */
import type { GatewayOperation } from "../../core/messages/messages.ts";
import { fromUtf8, inexactNumber, MAX_NAME_BYTES, utf8 } from "../../wire/mod.ts";
import { Problem } from "../problem.ts";

/** Printable: no control characters, no invisible formatting, no lone surrogates, no line separators. */
const PRINTABLE = "^[^\\p{C}\\p{Zl}\\p{Zp}]+$";

/**
 * The fields as JSON Schema, for `GET /openapi.json`. The functions below check the same, and what a schema cannot say:
 * bytes, exact numbers.
 */
export const REQ_BODY: { readonly [keyword: string]: unknown } = {
  type: "object",
  required: ["clientID", "operation"],
  additionalProperties: false,
  properties: {
    clientID: {
      type: "string",
      pattern: PRINTABLE,
      minLength: 1,
      maxLength: MAX_NAME_BYTES,
      description: `who asks: a name of your choice, at most ${MAX_NAME_BYTES} bytes in UTF-8`,
    },
    timestamp: {
      type: "integer",
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      description:
        "larger each time; the same one again gives the same result and runs nothing; made if it is left out",
    },
    operation: {
      oneOf: [{ type: "string", minLength: 1 }, { type: "object" }],
      description: "the state machine's operation: a text, or an object, which is sent as its JSON",
    },
  },
};

const FIELDS: readonly string[] = Object.keys(REQ_BODY.properties as object);
const PRINTABLE_TEXT = new RegExp(PRINTABLE, "u");

/**
 * Parses goPBFT's request.
 * @param nextTimestamp makes the timestamp if the request has none.
 * @throws {Problem} 400 that names the field.
 */
export function parseReq(body: Uint8Array, nextTimestamp: (name: string) => number): GatewayOperation {
  const fields = parseObject(body);
  const unheld = isObject(fields.operation) ? inexactNumber(fromUtf8(body)) : undefined;
  if (unheld !== undefined) {
    throw malformed("operation", "numbers that JavaScript represents exactly (write others as strings)", unheld);
  }
  const unknown = Object.keys(fields).find((name) => !FIELDS.includes(name));
  if (unknown !== undefined) {
    throw malformed(shown(unknown), "only clientID, timestamp and operation", "one more field");
  }
  const name = parseClientId(fields.clientID);
  const operation = parseOperation(fields.operation);
  return {
    name,
    operation,
    timestamp: fields.timestamp === undefined ? nextTimestamp(name) : parseTimestamp(fields.timestamp),
  };
}

function parseObject(body: Uint8Array): { readonly [field: string]: unknown } {
  let value: unknown;
  try {
    // Some editors and shells write a byte order mark before the text.
    value = JSON.parse(fromUtf8(body).replace(/^\ufeff/, ""));
  } catch (error) {
    throw malformed("body", "JSON in UTF-8", body.length === 0 ? "nothing" : (error as Error).message);
  }
  if (isObject(value)) return value;
  throw malformed("body", 'an object: {"clientID": "ada", "operation": "GET name"}', show(value));
}

function parseClientId(value: unknown): string {
  if (typeof value === "string" && PRINTABLE_TEXT.test(value) && utf8(value).length <= MAX_NAME_BYTES) {
    return value;
  }
  throw malformed("clientID", `a string of printable characters, 1 to ${MAX_NAME_BYTES} bytes in UTF-8`, show(value));
}

function parseTimestamp(value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw malformed("timestamp", "an integer from 0 to 2^53 - 1, or no timestamp", show(value));
}

function parseOperation(value: unknown): Uint8Array {
  if (typeof value === "string" && value !== "" && !/\p{Surrogate}/u.test(value)) return utf8(value);
  if (isObject(value)) return utf8(jsonOf(value));
  throw malformed("operation", 'a text command ("SET name Ada") or an object', show(value));
}

function isObject(value: unknown): value is { readonly [field: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function malformed(field: string, expected: string, got: string): Problem {
  return new Problem("malformed", {
    detail: `${field}: expected ${expected}, got ${shown(got)}`,
    field,
    expected,
    got,
  });
}

function shown(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 80)}…`;
}

function show(value: unknown): string {
  return value === undefined ? "nothing" : jsonOf(value);
}

/** The JSON of a field. Runtimes can parse deeper JSON than they can write. @throws {Problem} if it is too deep. */
function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    throw malformed("body", "JSON that is nested less deeply", "thousands of levels");
  }
}
