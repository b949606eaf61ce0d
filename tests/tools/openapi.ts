/**
 * Writes docs/openapi.json: `deno task generate`.
 * @module
 */
import { openApiDocument } from "../../src/http/mod.ts";
import { root } from "./files.ts";

/** The text of the file. */
export function openApiText(): string {
  return JSON.stringify(openApiDocument(), null, 2) + "\n";
}

if (import.meta.main) await Deno.writeTextFile(new URL("docs/openapi.json", root), openApiText());
