/**
 * The chain of epochs as a file: what `GET /epochs` answers. A proposal has the same links, so it may stand for a
 * chain.
 * @module
 */
import { readFileSync, statSync } from "node:fs";
import { parseChainText } from "../../wire/epochs/mod.ts";
import { fromBase64, jsonFault, repeatedName, toBase64 } from "../../wire/mod.ts";
import { CliError, EXIT, reasonOf } from "../cli_error.ts";

/** A longer file is not read, bytes. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;

/** The JSON in a file. @throws {CliError} that names the file. An error does not repeat the content. */
export function readJson(path: string, what: string): Readonly<Record<string, unknown>> {
  let text: string;
  try {
    const { size } = statSync(path);
    if (size > MAX_FILE_BYTES) throw new Error(`expected ${what}, got ${size} bytes`);
    text = readFileSync(path, "utf8").replace(/^\ufeff/, "");
  } catch (error) {
    throw new CliError(`${path || '""'}: ${reasonOf(error)}`, EXIT.usage);
  }
  const fault = jsonFault(text);
  const json: unknown = fault === null ? JSON.parse(text) : null;
  if (typeof json === "object" && json !== null && !Array.isArray(json)) {
    const repeated = repeatedName(text);
    if (repeated === null) return json as Record<string, unknown>;
    // If a field occurs twice, people would see the first value, and the program would take the last.
    throw new CliError(
      `${path}: ${repeated}: expected one value, got two: the name stands twice in the file`,
      EXIT.usage,
    );
  }
  const place = fault === null ? "" : `: ${fault}`;
  throw new CliError(
    `${path}: expected ${what}, a JSON object, got ${text.length} characters of something else${place}`,
    EXIT.usage,
  );
}

/**
 * Whether this is the chain itself, as JSON, and not a path. Where there are no files, the variable `PBFT_CHAIN` may
 * contain the chain.
 */
export function isChainText(given: string): boolean {
  return /^\s*[{[]/.test(given);
}

/**
 * The links from epoch 0 on, in a chain file or in the JSON itself. They are not checked yet.
 * @throws {CliError} that names the file.
 */
export function readChain(given: string): readonly Uint8Array[] {
  if (isChainText(given)) return linksInText(given);
  const { after = 0, links } = readJson(given, "a chain of epochs");
  if (after !== 0) {
    throw new CliError(`${given}: after: expected 0, got ${JSON.stringify(after)}`, EXIT.usage, {
      next: "a chain begins with epoch 0: GET /epochs without ?after",
    });
  }
  return linksOf(links, given);
}

function linksInText(text: string): readonly Uint8Array[] {
  try {
    return parseChainText(text);
  } catch (error) {
    const fault = jsonFault(text);
    throw new CliError(`--chain: ${reasonOf(error)}${fault === null ? "" : `: ${fault}`}`, EXIT.usage, {
      looked: "it was taken for JSON, not for a file",
    });
  }
}

/** Links from JSON: a list of texts in base64. @throws {CliError} that names the place. */
export function linksOf(links: unknown, place: string): readonly Uint8Array[] {
  if (!Array.isArray(links)) throw new CliError(`${place}: links: expected a list, got ${typeof links}`, EXIT.usage);
  return links.map((link, i) => {
    try {
      return fromBase64(String(link));
    } catch {
      throw new CliError(`${place}: links[${i}]: expected base64, got something else`, EXIT.usage);
    }
  });
}

/** A chain as `GET /epochs` gives it. */
export function chainJson(cluster: string, links: readonly Uint8Array[]): Readonly<Record<string, unknown>> {
  return { cluster, epoch: links.length, after: 0, links: links.map(toBase64) };
}
