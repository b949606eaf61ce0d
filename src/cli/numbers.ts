/**
 * Parses numbers in arguments.
 * @module
 */
import { CliError } from "./cli_error.ts";

/** The range of a number. */
export interface Range {
  readonly min?: number;
  readonly max?: number;
}

/**
 * Parses a natural number in decimal digits: no empty text, sign, `0x50` or `1e3`.
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

/** Parses a number above 0 in decimal digits, optionally with a fraction. @throws {CliError} that names the option. */
export function positive(option: string, text: string): number {
  const value = /^[0-9]{1,9}(\.[0-9]{1,9})?$/.test(text) ? Number(text) : NaN;
  if (value > 0) return value;
  throw new CliError(`${option}: expected a number above 0, got ${JSON.stringify(text)} (see --help)`, 2);
}
