/**
 * Formats a line of the log as text or JSON.
 * @module
 */

/** The severity of a line. */
export type Level = "info" | "warn" | "error";

/** `text` for people, `json` for machines. */
export type LogFormat = "text" | "json";

/** The details of an event, by name. */
export type Fields = Readonly<Record<string, string | number | boolean | null>>;

/** The parts that every line has. */
export interface LineHead {
  /** Wall clock, ms since 1970. */
  readonly time: number;
  readonly level: Level;
  readonly replica: string;
  readonly event: string;
  readonly message: string;
}

/** Longer texts in fields are cut to this length, characters. */
const MAX_FIELD_LENGTH = 4_000;

/**
 * Formats one line, without a line end. Whatever the fields contain, the result has no line break, no control sequence for a terminal and no
 * secret. JSON has the names of the head first, then the fields; a field with the name of one in the head is left out.
 */
export function formatLine(
  head: LineHead,
  fields: Fields,
  { format, secrets }: { readonly format: LogFormat; readonly secrets: readonly string[] },
): string {
  const time = isoTime(head.time);
  if (format === "json") {
    const own = { time, level: head.level, replica: head.replica, event: head.event, message: head.message };
    const cut = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, shortened(value)]));
    return withoutSecrets(escaped(JSON.stringify({ ...own, ...cut, ...own })), secrets);
  }
  const shown = Object.entries(fields).map(([name, value]) => `${name}=${quoted(value)}`).join(" ");
  const text = `${time} ${head.level.toUpperCase().padEnd(5)} ${head.replica.padEnd(6)} ${escaped(head.message)}`;
  return withoutSecrets(shown === "" ? text : `${text}  ${shown}`, secrets);
}

/** The time as text. A wrong clock may give any number. */
function isoTime(time: number): string {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? "unknown time" : date.toISOString();
}

function shortened(value: Fields[string]): Fields[string] {
  return typeof value === "string" && value.length > MAX_FIELD_LENGTH ? `${value.slice(0, MAX_FIELD_LENGTH)}…` : value;
}

function quoted(value: Fields[string]): string {
  const short = shortened(value);
  if (typeof short !== "string" || /^[\w.:/@+-]+$/.test(short)) return String(short);
  return escaped(JSON.stringify(short));
}

/** Replaces control characters, invisible characters and line separators by `\u….`, as JSON does. */
function escaped(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (character) => {
    return Array.from({ length: character.length }, (_, i) => {
      return `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`;
    }).join("");
  });
}

function withoutSecrets(line: string, secrets: readonly string[]): string {
  return secrets.reduce((text, secret) => secret === "" ? text : text.replaceAll(secret, "[secret]"), line);
}
