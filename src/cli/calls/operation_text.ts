/**
 * An operation as it is typed: its whole text, or the name of an operation and its input as JSON.
 * @module
 */
import { CliError, EXIT } from "../cli_error.ts";

/**
 * The operation of `call OP [JSON]` for a machine, by its version. A text with spaces or `{` is sent as it is. A name
 * and an input are sent as typed machines take them, `{"op":OP,"input":JSON}`, and to the key-value machine as
 * `{"op":OP,…fields of JSON}`.
 * @throws {CliError} if the input is not JSON.
 */
export function operationOf(name: string, input: string | undefined, machine: string): string | object {
  const isText = name.trimStart().startsWith("{") || /\s/.test(name.trim());
  const isKeyValue = machine.startsWith("key-value/");
  if (input === undefined) {
    if (name.trimStart().startsWith("{")) parseJson("OP", name);
    return isText || isKeyValue ? name : { op: name };
  }
  const parsed = parseJson("JSON", input);
  if (isText) {
    throw new CliError(`OP: expected a name, as there is JSON after it, got ${shown(name)}`, EXIT.usage, {
      next: `pbft call '${name}', for an operation that is a text`,
    });
  }
  if (!isKeyValue) return { op: name, input: parsed };
  if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return { op: name, ...parsed };
  throw new CliError(`JSON: expected an object such as {"key":"name"}, got ${shown(input)}`, EXIT.usage);
}

/** A rejection in words. That of a typed machine is JSON: `{"error":"tooLittle","detail":{"balance":3}}`. */
export function rejectionText(message: string, what: "operation" | "query" = "operation"): string {
  try {
    const { error, detail } = JSON.parse(message) as { readonly error?: unknown; readonly detail?: unknown };
    if (error === "unknown" && hasName(detail)) return `there is no such ${what}: ${detail.name}`;
    if (error === "invalid" && hasPlace(detail)) {
      const place = detail.at === "." ? "" : ` at ${detail.at}`;
      return `its input is missing or not what the machine asks for${place}`;
    }
    if (typeof error === "string") return detail === undefined ? error : `${error} ${JSON.stringify(detail)}`;
  } catch { /* a text */ }
  return message;
}

function hasName(detail: unknown): detail is { readonly name: string } {
  return typeof detail === "object" && detail !== null && "name" in detail && typeof detail.name === "string";
}

/** What helps after such a rejection; `undefined`: the machine itself has said it all. */
export function rejectionHint(message: string, what: "operation" | "query"): string | undefined {
  const isOurs = /^\{"error":"(?:unknown|invalid)"/.test(message);
  if (!isOurs) return undefined;
  const list = "pbft repl --machine FILE lists the names; FILE is the machine's file, where the inputs are defined";
  return what === "query" ? `an operation is sent with pbft call; ${list}` : list;
}

function hasPlace(detail: unknown): detail is { readonly at: string } {
  return typeof detail === "object" && detail !== null && "at" in detail && typeof detail.at === "string";
}

function parseJson(argument: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CliError(`${argument}: expected JSON, got ${shown(text)}: ${(error as Error).message}`, EXIT.usage, {
      next: `quote it for the shell, as in: pbft call deposit '{"account":"ada","amount":5}'`,
    });
  }
}

function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
