/**
 * Numbers in arguments.
 * @module
 */
import { CliError } from "./cli_error.ts";

/** What a number may be. */
export interface Range {
  readonly min?: number;
  readonly max?: number;
}

/**
 * A natural number in decimal digits: not nothing, no sign, no `0x50`, no `1e3`.
 * @throws {CliError} that names the option.
 */
export function natural(option: string, text: string, { min = 0, max = 999_999_999 }: Range = {}): number {
  const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw new CliError(
    `${option}: expected a whole number from ${min} to ${max}, got ${JSON.stringify(text)} (see --help)`,
    2,
  );
}

/** A number above 0 in decimal digits, perhaps with a fraction. @throws {CliError} that names the option. */
export function positive(option: string, text: string): number {
  const value = /^[0-9]{1,9}(\.[0-9]{1,9})?$/.test(text) ? Number(text) : NaN;
  if (value > 0) return value;
  throw new CliError(`${option}: expected a number above 0, got ${JSON.stringify(text)} (see --help)`, 2);
}
