/**
 * The option that says how a log is written.
 * @module
 */
import type { LogFormat } from "../../runtime/log/log.ts";
import { CliError } from "../cli_error.ts";

/** For `parseArgs`. */
export const LOG_OPTION = { log: { type: "string" } } as const;

/** Reads `--log`. @throws {CliError} */
export function logFormatOf({ log = "text" }: { readonly log?: string | undefined }): LogFormat {
  if (log === "text" || log === "json") return log;
  throw new CliError(`--log: expected text or json, got ${JSON.stringify(log)} (see --help)`, 2);
}
