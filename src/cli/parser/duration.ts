/**
 * Durations in arguments: `500ms`, `10s`, `2m`.
 * @module
 */
import { CliError, EXIT } from "../cli_error.ts";

const UNITS_MS = { ms: 1, s: 1_000, m: 60_000 } as const;
/** The longest time that a timer takes, ms. */
const MAX_MS = 2 ** 31 - 1;

/** A duration in ms. A number without a unit is seconds. @throws {CliError} that names the option. */
export function durationMs(option: string, text: string): number {
  const [, digits, unit = "s"] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m)?$/.exec(text) ?? [];
  const ms = Number(digits) * UNITS_MS[unit as keyof typeof UNITS_MS];
  if (ms > 0 && ms <= MAX_MS) return ms;
  throw new CliError(
    `${option}: expected a duration such as 500ms, 10s or 2m, got ${JSON.stringify(text)}`,
    EXIT.usage,
  );
}
