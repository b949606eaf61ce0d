/**
 * Reads a member's answers. The member may be faulty, so an answer may contain anything and have any length.
 * @module
 */

import { answeredJson, readUncompressed, UNCOMPRESSED } from "../../wire/mod.ts";

/** The fields of `GET /status` that `check` uses. */
export interface MemberStatus {
  readonly nodeID: string;
  readonly cluster: string;
  /** The epoch that it is in. */
  readonly epoch: number;
  readonly ready: boolean;
  readonly notReady: string | null;
  readonly halted: string | null;
  readonly storeError: string | null;
  readonly transferring: boolean;
  readonly recovering: boolean;
  readonly viewID: number;
  readonly active: boolean;
  readonly lastExecuted: number;
  /** The hash chain of everything that it has executed. */
  readonly history: string;
  /** Its clock, ms since 1970. */
  readonly now: number;
}

/** Longer answers are not read, bytes. */
export const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
/** Longer texts of members are cut to this length, characters. */
const MAX_TEXT_LENGTH = 200;

/** A member's text as one short line without control sequences for a terminal. */
export function plainText(text: string): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]+/gu, " ").trim();
  return line.length <= MAX_TEXT_LENGTH ? line : `${line.slice(0, MAX_TEXT_LENGTH)}…`;
}

/** Parses a status. @throws {TypeError} naming the field that is not valid. */
export function parseStatus(json: unknown): MemberStatus {
  if (typeof json !== "object" || json === null) throw new TypeError("expected an object");
  const fields = json as Readonly<Record<string, unknown>>;
  const text = (name: string) => check(name, fields[name], "a text", (v): v is string => typeof v === "string");
  const truth = (name: string) =>
    check(name, fields[name], "true or false", (v): v is boolean => typeof v === "boolean");
  const natural = (name: string) => {
    return check(
      name,
      fields[name],
      "a whole number of at least 0",
      (v): v is number => Number.isSafeInteger(v) && (v as number) >= 0,
    );
  };
  const reason = (name: string) => fields[name] === null || fields[name] === undefined ? null : plainText(text(name));
  return {
    nodeID: plainText(text("nodeID")),
    cluster: plainText(text("cluster")),
    // Earlier builds know of no epochs.
    epoch: fields.epoch === undefined ? 0 : natural("epoch"),
    ready: truth("ready"),
    notReady: reason("notReady"),
    halted: reason("halted"),
    storeError: reason("storeError"),
    transferring: truth("transferring"),
    // Earlier builds have another name for it.
    recovering: truth(fields.recovering === undefined ? "hasLostDisk" : "recovering"),
    viewID: natural("viewID"),
    active: truth("active"),
    lastExecuted: natural("lastExecuted"),
    history: plainText(text("history")),
    now: check("now", fields.now, "a time in ms", (v): v is number => Number.isFinite(v)),
  };
}

function check<T>(name: string, value: unknown, expected: string, isSo: (value: unknown) => value is T): T {
  if (isSo(value)) return value;
  throw new TypeError(`${name}: expected ${expected}, got ${plainText(JSON.stringify(value) ?? "nothing")}`);
}

/** Asks a member, which gets `headers` as well. The answer is to be read by {@linkcode boundedJson} or {@linkcode readUncompressed}. */
export function ask(url: URL, init: RequestInit & { readonly timeoutMs: number }): Promise<Response> {
  const { timeoutMs, headers, ...others } = init;
  return fetch(url, {
    redirect: "manual",
    signal: AbortSignal.timeout(timeoutMs),
    ...others,
    headers: { ...UNCOMPRESSED, ...headers as Readonly<Record<string, string>> | undefined },
  });
}

/**
 * Reads the body as JSON; `null` if it is not JSON. @throws {RangeError} if it is longer than `maxBytes`, has too many values, or comes as
 * no correct answer does.
 */
export async function boundedJson(response: Response, maxBytes: number = MAX_ANSWER_BYTES): Promise<unknown> {
  const bytes = await readUncompressed(response, maxBytes);
  try {
    return answeredJson(bytes);
  } catch (error) {
    if (error instanceof RangeError) throw error;
    return null;
  }
}
