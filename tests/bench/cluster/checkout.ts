/**
 * A checkout of this project, whose replicas and client are measured. Of another one only these are used: `src/cli/mod.ts init`,
 * `src/cli/commands/replica.ts` and `src/client/mod.ts`.
 * @module
 */
import { basename, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { CliError } from "../../../src/cli/cli_error.ts";

/** A checkout. */
export interface Checkout {
  /** For people: `this`, or the folder's name. */
  readonly name: string;
  /** Its root, an absolute path. */
  readonly dir: string;
  /** The program of a replica, from the root. */
  readonly replica: string;
}

/** Where the program of a replica is, and where it was until 27 November 2026. */
const REPLICA_PROGRAMS = ["src/cli/commands/replica.ts", "src/cli/replica.ts"];

/** The checkout that this file is in. */
export const HERE: Checkout = {
  name: "this",
  dir: fileURLToPath(new URL("../../..", import.meta.url)).replace(/\/$/, ""),
  replica: REPLICA_PROGRAMS[0]!,
};

/** Another checkout, also one of the time before the work on speed. @throws {CliError} if the folder has none. */
export function checkoutAt(folder: string): Checkout {
  const dir = resolve(folder);
  const lacking = ["src/cli/mod.ts", "src/client/mod.ts", "deno.json"].find((file) => !isThere(`${dir}/${file}`));
  const replica = REPLICA_PROGRAMS.find((file) => isThere(`${dir}/${file}`));
  if (replica !== undefined && lacking === undefined) return { name: basename(dir), dir, replica };
  throw new CliError(
    `--against: expected a checkout of this project, got ${folder}, which has no ${lacking ?? REPLICA_PROGRAMS[0]}`,
    2,
  );
}

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** `deno run` in a checkout, with its own dependencies. Types are not checked, and its lock file is neither read nor written. */
export function denoOf(
  { dir }: Pick<Checkout, "dir">,
  { args = [], flags: more = [], ...options }: Deno.CommandOptions & { readonly flags?: readonly string[] },
): Deno.Command {
  const flags = ["run", ...more, "--quiet", "--no-prompt", "--no-lock", "--no-check", "--config", `${dir}/deno.json`];
  return new Deno.Command(Deno.execPath(), { ...options, cwd: dir, args: [...flags, ...args] });
}
