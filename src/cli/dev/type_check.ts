/**
 * Checks the types of a machine's file with Deno's own checker, or else the project's TypeScript.
 * @module
 */
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { runProgram } from "../machine/inspect.ts";
import { OWN_CONFIG, RUNTIME } from "../runtime.ts";

/** The outcome: `null` where there is no checker. */
export type Checked = { readonly isRight: boolean; readonly text: string } | null;

/** Checks a file. */
export async function checkTypes(path: string): Promise<Checked> {
  if (!/\.[cm]?tsx?$/.test(path)) return null;
  const checker = RUNTIME === "deno"
    ? [process.execPath, "check", "--quiet", ...ownConfig(), path]
    : typescriptFor(path);
  if (checker === null) return null;
  const [program, ...args] = checker;
  const { code, out, err } = await runProgram(program!, args, { NO_COLOR: "1" });
  const text = (out + err).replace(/\n*error: Type checking failed[^]*$/, "").replace(/\n+Stack backtrace:[^]*$/, "")
    .trim();
  return { isRight: code === 0, text };
}

/** In a checkout of this repository the replicas resolve imports by its configuration, and so must the checker. */
function ownConfig(): readonly string[] {
  return OWN_CONFIG === null ? [] : ["--config", OWN_CONFIG, "--no-lock"];
}

/** The compiler of the project that the file is in. */
function typescriptFor(path: string): readonly string[] | null {
  const file = resolve(path);
  for (let folder = dirname(file);; folder = dirname(folder)) {
    const compiler = join(folder, "node_modules", "typescript", "bin", "tsc");
    if (existsSync(compiler)) {
      const options = ["--noEmit", "--skipLibCheck", "--strict", "--allowImportingTsExtensions"];
      const modules = ["--target", "es2022", "--module", "nodenext", "--moduleResolution", "nodenext"];
      return [process.execPath, compiler, ...options, ...modules, file];
    }
    if (folder === dirname(folder)) return null;
  }
}
