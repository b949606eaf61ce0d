/**
 * TypeScript under a Node that cannot import it by itself (before 22.18): the `tsx` of the machine's project does it,
 * if it is installed.
 * @module
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { CliError, EXIT } from "../cli_error.ts";
import { RUNTIME } from "../runtime.ts";

const SOURCE = /\.[cm]?tsx?$/;
/** Flags by which a Node imports TypeScript, or other things that it cannot import by itself. */
const LOADERS = /--(import|loader|experimental-loader|experimental-strip-types|experimental-transform-types)\b/;

/** Whether this thread can import TypeScript. */
let isPrepared = false;

/**
 * Makes it possible to import the module in this process.
 * @throws {CliError} if it is TypeScript, and nothing here can import that.
 */
export async function prepareTypescript(path: string): Promise<void> {
  if (!SOURCE.test(path) || isPrepared || canImportTypescript()) return;
  const { register } = await import(apiOfTsx(path));
  register();
  isPrepared = true;
}

function canImportTypescript(): boolean {
  if (RUNTIME !== "node") return true;
  if ("typescript" in process.features && process.features.typescript) return true;
  return LOADERS.test([...process.execArgv, process.env.NODE_OPTIONS ?? ""].join(" "));
}

/**
 * The URL of what `import "tsx/esm/api"` means in the project of that file; it works in each thread, which
 * `--import tsx` does not.
 */
function apiOfTsx(path: string): string {
  let manifest: string;
  try {
    manifest = createRequire(pathToFileURL(resolve(path))).resolve("tsx/package.json");
  } catch {
    throw objection(path);
  }
  const { exports } = JSON.parse(readFileSync(manifest, "utf8"));
  return new URL(exports["./esm/api"].import.default, pathToFileURL(manifest)).href;
}

function objection(path: string): CliError {
  return new CliError(`${path}: Node ${process.versions.node} cannot import TypeScript by itself`, EXIT.usage, {
    looked: "there is no tsx in the project of that file",
    next: "npm install --save-dev tsx (it is used then), or take Node 22.18 or later, Deno, or a .js file",
  });
}
