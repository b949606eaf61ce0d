/**
 * Flags that must have a value.
 * @module
 */
import { CliError, EXIT } from "../cli_error.ts";

/** The value of a flag. @throws {CliError} if it is missing or empty. */
export function required(value: string | undefined, option: string): string {
  if (value !== undefined && value !== "") return value;
  throw new CliError(`--${option}: expected a value, got nothing (see --help)`, EXIT.usage);
}
