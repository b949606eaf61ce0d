/**
 * The token that members require before they show their status, or their state.
 * @module
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { CliError, EXIT, reasonOf } from "../cli_error.ts";
import type { Flags } from "../parser/verb.ts";

/** The file with the token. */
export const READ_TOKEN_FLAG = {
  "read-token-file": {
    value: "FILE",
    isFile: true,
    help: "a file with the token that members require before they show their status. It is sent to all members " +
      "(the variable PBFT_READ_TOKEN)",
  },
} as const satisfies Flags;

/** The token of a file, or else of the variable. @throws {CliError} if the file is missing or contains none. */
export function readToken(path: string | undefined): string | undefined {
  if (path === undefined) return process.env.PBFT_READ_TOKEN?.trim() || undefined;
  let token: string;
  try {
    token = readFileSync(path, "utf8").replace(/^\ufeff/, "").trim();
  } catch (error) {
    throw new CliError(`--read-token-file ${path}: ${reasonOf(error)}`, EXIT.usage);
  }
  if (/^[\x21-\x7e]{1,1024}$/.test(token)) return token;
  throw new CliError(
    `--read-token-file ${path}: expected one line of visible ASCII characters, got ${token.length} characters`,
    EXIT.usage,
  );
}
