/**
 * What differs between Deno, Node and Bun for the commands: how a further process of this program is started.
 * @module
 */
import { existsSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The runtime of this process. */
export const RUNTIME: "deno" | "node" | "bun" = "Deno" in globalThis ? "deno" : "Bun" in globalThis ? "bun" : "node";

/** The module that runs the command. Its ending is `.js` in the npm package. */
const ENTRY = import.meta.url.replace(/runtime\.(\w+)$/, "mod.$1");

/**
 * The configuration of the checkout of this repository that the program runs from; `null` if it is an installed
 * package.
 */
export const OWN_CONFIG: string | null = ownConfig();

function ownConfig(): string | null {
  if (RUNTIME !== "deno" || !ENTRY.startsWith("file:")) return null;
  const path = fileURLToPath(new URL("../../deno.json", ENTRY));
  return existsSync(path) ? path : null;
}

/** A program and its arguments. */
export interface OwnCommand {
  readonly program: string;
  readonly args: readonly string[];
}

/** What a further process of this program may do; Deno enforces it. */
export interface OwnPermissions {
  /** The folder that it may write to; `undefined`: everything is allowed. */
  readonly folder?: string | undefined;
  /** A machine of the user's own, which it imports. */
  readonly machine?: string | undefined;
}

/**
 * V8 lets the space for new objects grow to 16 MB, and it takes three times that. A replica under load needs 20 to 25
 * MB less with 4 MB. With a heap of 2 GB or more V8 collects the old objects only once there are four times as many as were left the last
 * time; below that sooner, which is 40 MB less while strangers attack. The first flag costs 10 to 20 % of CPU time where each caller signs
 * alone; elsewhere no difference was seen (docs/performance.md, Memory).
 */
export const V8_FLAGS = "--v8-flags=--max-semi-space-size=4,--max-old-space-size=2000";

/** How to start `pbft` with these arguments, on the runtime of this process. */
export function ownCommand(args: readonly string[], { folder, machine }: OwnPermissions = {}): OwnCommand {
  const program = process.execPath;
  if (RUNTIME !== "deno") return { program, args: [...nodeFlags(machine), fileURLToPath(ENTRY), ...args] };
  const allowed = folder === undefined
    ? ["--allow-all"]
    : ["--allow-net", "--allow-read", "--allow-env", "--allow-sys", `--allow-write=${folder.replaceAll(",", ",,")}`];
  // The imports of a user's machine must not be written into the lock file of a checkout of this repository.
  const lock = machine !== undefined && OWN_CONFIG !== null ? ["--no-lock"] : [];
  return { program, args: ["run", "--quiet", "--no-prompt", V8_FLAGS, ...lock, ...allowed, ENTRY, ...args] };
}

/** Node from 22.6 to 22.17 strips types only if it is told to. */
function nodeFlags(machine: string | undefined): readonly string[] {
  if (RUNTIME !== "node" || !machine || !/\.[cm]?ts$/.test(machine)) return [];
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const isOld = major === 22 && minor >= 6 && minor < 18;
  return isOld ? ["--experimental-strip-types", "--disable-warning=ExperimentalWarning"] : [];
}

/** Whether this runtime has `node:sqlite`. */
export function hasSqlite(): boolean {
  try {
    return process.getBuiltinModule("node:sqlite") !== undefined;
  } catch {
    return false;
  }
}
