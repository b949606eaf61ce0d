/**
 * The flag `--log`: the format of the log.
 * @module
 */
import type { Flags } from "../parser/verb.ts";

/** The flag. */
export const LOG_FLAG = {
  "log": { value: "FORMAT", choices: ["text", "json"], help: "text, or json: one JSON object per line (text)" },
} as const satisfies Flags;
