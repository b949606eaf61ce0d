/**
 * The option `--log`: the format of the log.
 * @module
 */
import type { LogFormat } from "../../runtime/log/log.ts";
import { CliError } from "../cli_error.ts";

/** The option for `parseArgs`. */
export const LOG_OPTION = { log: { type: "string" } } as const;

/** The value of `--log`. @throws {CliError} if it is neither `text` nor `json`. */
export function logFormatOf({ log = "text" }: { readonly log?: string | undefined }): LogFormat {
  if (log === "text" || log === "json") return log;
  throw new CliError(`--log: expected text or json, got ${JSON.stringify(log)} (see --help)`, 2);
}
